/**
 * Logs are shipped to other machines, metrics and answers are read by many, errors are pasted into tickets. No key, passphrase, pre-shared
 * key or ticket secret may be in any of them, whatever goes wrong.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { suite, test } from "node:test";
import { startAdministered } from "../support/admin.ts";
import { testAuthority } from "../support/certificates.ts";
import { startOnce } from "../support/echo.ts";
import { sClient } from "../support/openssl.ts";
import { requires } from "../support/requires.ts";
import { visit } from "../support/visit.ts";

const authority = testAuthority();
const passphrase = "correct horse battery staple";
const server = authority.issue({ passphrase });
const client = authority.issue({ cn: "client" });
const psk = randomBytes(32).toString("hex");
const text = "a pre-shared key that is a text";
const tickets = randomBytes(48).toString("hex");

/** As they could turn up, in whatever form a program prints bytes. */
function forms(secret: string | Buffer): readonly string[] {
  const bytes = Buffer.from(secret as string);
  const decoded = /^[0-9a-f]+$/.test(String(secret)) ? [Buffer.from(String(secret), "hex")] : [];
  return [bytes, ...decoded].flatMap((one) => [
    one.toString("utf8"),
    one.toString("hex"),
    one.toString("base64"),
    JSON.stringify([...one]).slice(1, -1),
  ]);
}

suite("secrets", requires("openssl", "curl"), () => {
  test("are in no log, answer, metric or error", async () => {
    await using target = await startOnce();
    const tls = `cert: server.crt, key: server.key, passphrase: "${passphrase}", session: { keys: tickets.key }`;
    const yaml = (more = "") => `log: { level: debug, rejections: 0 }
admin: { socket: run/control.sock, state: run/state.json }
tunnels:
  certificates:
    frontend: { listen: "127.0.0.1:0", tls: { ${tls}, client: { ca: ca.crt, authorize: "unix:nobody.sock" } } }
    backend: ${target.port}
  keys:
    frontend: { listen: [ "127.0.0.1:0", "unix:keys.sock" ], tls: { psk: { file: psk.txt } } }
    backend: ${target.port}
  near:
    frontend: 127.0.0.1:0
    backend: { targets: [ "unix:keys.sock" ], tls: { psk: { file: psk.txt } } }
${more}`;
    const told: string[] = [];
    await using program = await startAdministered(yaml(), {
      "server.crt": server.chain,
      "server.key": server.key,
      "ca.crt": authority.cert,
      "tickets.key": tickets,
      "psk.txt": `alice:${psk}\nbob:${text}\n`,
    });
    program.instance.process.stdout?.on("data", (bytes: Buffer) => told.push(bytes.toString("utf8")));
    const { instance } = program;
    // what works, and what does not
    assert.equal((await visit(instance.port("near"))).text, "hello");
    const own = { cert: client.chain, key: client.key };
    await visit(instance.port("certificates"), { tls: own });
    for (const key of [psk, randomBytes(32).toString("hex")])
      await sClient(instance.port("keys"), ["-tls1_3", "-psk_identity", "alice", "-psk", key]);
    // files and configurations that cannot be taken over
    const broken: readonly (readonly [string, string])[] = [
      ["psk.txt", `alice:${psk}\nbob${text}\n`],
      ["psk.txt", `alice:${psk}\nalice:${psk}\n`],
      ["psk.txt", `alice:${psk.slice(0, 30)}\n`],
      ["server.key", client.key],
      ["server.key", authority.issue({ passphrase: "another one" }).key],
      ["tickets.key", tickets.slice(0, 31)],
    ];
    for (const [name, content] of broken) {
      const before = readFileSync(program.path(name));
      writeFileSync(program.path(name), content);
      const answer = await program.reload();
      assert.equal(answer.event, "config-rejected", name);
      writeFileSync(program.path(name), before);
    }
    assert.equal(
      (await program.reload(yaml("  wrong: { frontend: 1, backend: [ ] }\n"))).event,
      "config-rejected",
    );
    assert.equal((await program.reload(yaml())).event, "config-applied");
    for (const path of ["status", "tunnels", "sessions", "config", "overlay", "openapi.json"])
      told.push((await program.ask("GET", `/api/v1/${path}`)).text);
    for (const path of ["/metrics", "/openapi.json"]) told.push((await program.ask("GET", path)).text);
    for (const command of ["STATUS", "LIST", "CONFIG"]) told.push(await program.say(command));
    instance.process.kill("SIGUSR2");
    await instance.stop();
    told.push(JSON.stringify(instance.lines), instance.stderr);
    const all = told.join("\n");
    assert.ok(all.includes('"psk":"alice"'), "nothing was looked at");
    const pem = (key: string) => key.split("\n").slice(1, 3);
    const secrets = [
      psk,
      psk.slice(0, 30),
      text,
      tickets,
      tickets.slice(0, 31),
      passphrase,
      ...pem(server.key),
      ...pem(client.key),
    ];
    for (const secret of secrets)
      for (const form of forms(secret)) {
        const at = all.indexOf(form);
        assert.equal(at, -1, at < 0 ? "" : all.slice(Math.max(0, at - 200), at + 200));
      }
  });
});
