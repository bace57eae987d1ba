/**
 * Names are written by strangers and read by people, log collectors and dashboards: whatever is in a certificate, a server name or an
 * identity, it must stay in its place, in one line of bounded length, and never become a label.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { answerWith, startAuthorizer, type TestAuthorizer } from "../support/authorizer.ts";
import { testAuthority } from "../support/certificates.ts";
import { startOnce, type TestTarget } from "../support/echo.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { issueOddly, sClient } from "../support/openssl.ts";
import { requires } from "../support/requires.ts";
import { visit } from "../support/visit.ts";

const authority = testAuthority();
const server = authority.issue();
const poison = 'x"}\\n{"event":"session"}\u001b[31m\u202e';
const key = "00112233445566778899aabbccddeeff";

suite("names of strangers", requires("openssl"), () => {
  let target: TestTarget;
  let asked: TestAuthorizer;
  let program: Instance;
  const stdout: string[] = [];

  before(async () => {
    target = await startOnce();
    asked = await startAuthorizer((_, response) =>
      answerWith(response, { allow: false, reason: `${poison}\n${"y".repeat(60_000)}` }),
    );
    const tunnel = (name: string, tls: string) => `
  ${name}:
    frontend: { listen: "127.0.0.1:0", tls: { ${tls} } }
    backend: ${target.port}`;
    const own = "cert: server.crt, key: server.key";
    program = await startInstance(
      `log: { rejections: 0 }\nmetrics: { listen: 127.0.0.1:0 }\ntunnels:${[
        tunnel("open", `${own}, client: { verify: optional, ca: ca.crt }`),
        tunnel("asks", `${own}, client: { ca: ca.crt, authorize: "${asked.url}" }`),
        tunnel("keys", "psk: { file: psk.txt, allow: [ nobody ] }"),
      ].join("")}`,
      {
        "server.crt": server.chain,
        "server.key": server.key,
        "ca.crt": authority.cert,
        "psk.txt": `alice\u001b[31m:${key}\n`,
      },
    );
    program.process.stdout?.on("data", (bytes: Buffer) => stdout.push(bytes.toString("utf8")));
  });

  after(async () => {
    await program[Symbol.asyncDispose]();
    await asked[Symbol.asyncDispose]();
    await target.close();
  });

  test("each leave one line, which is not long, and no label", async () => {
    const names = Object.fromEntries(
      Array.from({ length: 500 }, (_, index) => [
        `URI.${index + 1}`,
        `https://example.com/${"z".repeat(60)}${index}`,
      ]),
    );
    const odd = [
      issueOddly(authority, `/O=${poison.replaceAll("/", "\\/")}/CN=line\nbreak, CN=admin`, { "DNS.1": "a" }),
      issueOddly(authority, `/CN=many`, names),
      authority.issue({ cn: "c".repeat(64), o: "o".repeat(64), ou: "u".repeat(64), sans: [] }),
    ];
    for (const { chain, key: privateKey } of odd)
      for (const tunnel of ["open", "asks"])
        await visit(program.port(tunnel), {
          tls: { cert: chain, key: privateKey, servername: "x".repeat(250) },
        });
    for (const identity of [`${poison}\nmallory`, "alice\u001b[31m", "m".repeat(100)])
      await sClient(program.port("keys"), ["-tls1_3", "-psk_identity", identity, "-psk", key]);
    const sessions = await program.sessions(2 * odd.length + 3);
    assert.equal(sessions.length, 9);
    const lines = stdout
      .join("")
      .split("\n")
      .filter((line) => line !== "");
    assert.equal(lines.filter((line) => line.includes('"event":"session"')).length, sessions.length);
    for (const line of lines) {
      assert.ok(Buffer.byteLength(line) < 4000, line);
      assert.ok(!/[\p{Cc}]/u.test(line), line);
      JSON.parse(line);
    }
    const ready = program.lines.find(({ event }) => event === "ready");
    const scraped = await (await fetch(`http://${String(ready?.["metrics"])}/metrics`)).text();
    // what the help says of a metric is our own text
    const metrics = scraped.replaceAll(/^#.*$/gm, "");
    for (const name of ["mallory", "alice", "many", "admin", "zzz", "yyy", "ccc", key])
      assert.ok(!metrics.includes(name), name);
    assert.ok(!stdout.join("").includes(key));
  });
});
