/**
 * A stapled answer spares clients a question to a stranger, and certificates that demand one are useless without. But it comes over a
 * network that fails: no handshake may wait for it, and a responder that is down must never take the tunnel along.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startOnce } from "../support/echo.ts";
import { type Instance, type LogLine, startInstance } from "../support/instance.ts";
import {
  type Answer,
  oddAnswer,
  type Responder,
  startOpensslResponder,
  startResponder,
} from "../support/ocsp.ts";
import { sClient } from "../support/openssl.ts";
import { run } from "../support/program.ts";
import { startReloadable } from "../support/reloadable.ts";
import { requires } from "../support/requires.ts";
import { visit } from "../support/visit.ts";

const root = testAuthority("Root");
const below = root.intermediate("Below");

const frontend = (stapling: string, target: number, more = "") => `
tunnels:
  ours:
    frontend: { listen: "127.0.0.1:0", tls: { cert: server.crt, key: server.key, ocspStapling: ${stapling} }${more} }
    backend: ${target}`;

const isTold = (ok: boolean) => (line: LogLine) => line.event === "ocsp-staple" && line["ok"] === ok;

/** What openssl makes of our staple: its status, `none`, or what else it says. */
async function stapled(program: Instance, ...args: readonly string[]): Promise<string> {
  const { text } = await sClient(program.port("ours"), ["-status", "-servername", "localhost", ...args]);
  if (/OCSP response: no response sent/.test(text)) return "none";
  return /Cert Status: (\w+)/.exec(text)?.[1] ?? text;
}

/** A server certificate that names this responder, whose answers have so many seconds to live. */
async function shortLived(seconds: number) {
  const answer: Answer = () => {
    const now = Math.floor(Date.now() / 1000) * 1000;
    return oddAnswer({
      authority: below,
      about: server,
      thisUpdate: new Date(now),
      nextUpdate: new Date(now + seconds * 1000),
    });
  };
  const responder: Responder = await startResponder(answer);
  const server = below.issue({ ocspUrl: responder.url });
  return { responder, answer, files: { "server.crt": server.chain, "server.key": server.key }, server };
}

suite("OCSP stapling", { concurrency: 4, ...requires("openssl") }, () => {
  test("openssl sees the answer of the responder that the certificate names", async () => {
    await using target = await startOnce();
    const index = [] as { certificate: (typeof server)["certificate"] }[];
    await using responder = await startOpensslResponder({ authority: below, index });
    const server = below.issue({ ocspUrl: responder.url });
    await responder.setIndex([server]);
    await using program = await startInstance(frontend("true", target.port), {
      "server.crt": server.chain,
      "server.key": server.key,
    });
    const told = await program.line(isTold(true));
    assert.match(String(told["msg"]), /ours: \S+server\.crt: an OCSP answer is stapled until 20/);
    for (const version of ["-tls1_2", "-tls1_3"]) assert.equal(await stapled(program, version), "good");
  });

  test("a root's certificate takes the issuer's file, and any responder can be named", async () => {
    await using target = await startOnce();
    const server = root.issue();
    await using responder = await startOpensslResponder({ authority: root, index: [server] });
    await using program = await startInstance(
      frontend(`{ issuer: root.crt, responder: "${responder.url}" }`, target.port),
      { "server.crt": server.chain, "server.key": server.key, "root.crt": root.cert },
    );
    await program.line(isTold(true));
    assert.equal(await stapled(program), "good");
  });

  const failing: Readonly<Record<string, readonly [Answer, RegExp]>> = {
    "says that it is revoked": [
      () => oddAnswer({ authority: below, about: reused, status: "revoked" }),
      /says that the certificate is revoked$/,
    ],
    "is ill": [() => ({ status: 500 }), /is HTTP status 500$/],
    "is somebody else": [
      () => oddAnswer({ authority: below, about: reused, signer: testAuthority("Below") }),
      /has a wrong signature$/,
    ],
    "never answers": [() => undefined, /did not come within 300ms$/],
  };
  const reused = below.issue();
  for (const [what, [answer, says]] of Object.entries(failing))
    test(`when the responder ${what}, nothing is stapled, it is told, and clients are served`, async () => {
      await using target = await startOnce();
      await using responder = await startResponder(answer);
      await using program = await startInstance(
        frontend(
          `{ responder: "${responder.url}", timeout: ${what === "never answers" ? "300ms" : "9s"} }`,
          target.port,
        ),
        {
          "server.crt": reused.chain,
          "server.key": reused.key,
        },
      );
      // the first one is served while the question is on its way
      assert.equal(
        (await visit(program.port("ours"), { tls: { ca: root.cert, servername: "localhost" } })).text,
        "hello",
      );
      const told = await program.line(isTold(false));
      assert.equal(told.level, "warn");
      assert.match(String(told["msg"]), /no OCSP answer is stapled: the OCSP answer /);
      assert.match(String(told["reason"]), says);
      assert.equal(await stapled(program), "none");
    });

  for (const [what, certificate, says] of [
    ["names no responder", below.issue(), /the certificate names no responder/],
    [
      "comes without its issuer",
      root.issue({ ocspUrl: "http://127.0.0.1:9/" }),
      /issuer is neither behind it in its file nor given/,
    ],
  ] as const)
    test(`a certificate that ${what} is served without a staple, and it is told`, async () => {
      await using target = await startOnce();
      await using program = await startInstance(frontend("true", target.port), {
        "server.crt": certificate.chain,
        "server.key": certificate.key,
      });
      assert.match(String((await program.line(isTold(false)))["reason"]), says);
      assert.equal(await stapled(program), "none");
    });

  test("without ocspStapling nobody is asked and nothing is stapled", async () => {
    await using target = await startOnce();
    const { responder, files } = await shortLived(60);
    await using _ = responder;
    await using program = await startInstance(frontend("false", target.port), files);
    assert.equal(await stapled(program), "none");
    assert.equal(responder.asked.length, 0);
  });

  test("the next answer is fetched before this one runs out; after an outage too", async () => {
    await using target = await startOnce();
    const { responder, answer, files } = await shortLived(4);
    await using _ = responder;
    await using program = await startInstance(frontend("true", target.port), files);
    const first = await program.line(isTold(true));
    // well after the first has run out
    const over = new Date(String(first["until"])).getTime() + 200;
    await until(() => Date.now() > over && responder.asked.length > 2);
    assert.equal(await stapled(program), "good");
    assert.equal(program.lines.filter(({ event }) => event === "ocsp-staple").length, 1);
    responder.answer = () => ({ status: 503 });
    const failed = await program.line(isTold(false));
    await until(() => Date.now() > new Date(String(failed["until"] ?? 0)).getTime() + 100);
    assert.equal(await stapled(program), "none", "what has run out is not stapled");
    responder.answer = answer;
    await program.line((line) => isTold(true)(line) && line !== first, "the news that it works again");
    assert.equal(await stapled(program), "good");
    assert.equal(
      program.lines.filter(({ event }) => event === "ocsp-staple").length,
      3,
      "each change is told once",
    );
  });

  test("a reload with the same certificate keeps the answer", async () => {
    await using target = await startOnce();
    const { responder, files } = await shortLived(3600);
    await using _ = responder;
    await using program = await startReloadable(frontend("true", target.port), files);
    await program.instance.line(isTold(true));
    responder.answer = () => undefined;
    const applied = await program.reload(frontend("true", target.port, ", timeouts: { handshake: 9s }"));
    assert.equal(applied.event, "config-applied");
    assert.equal(await stapled(program.instance), "good");
  });

  test("our own backend takes it, where it accepts nothing else", async () => {
    await using target = await startOnce();
    const { responder, files } = await shortLived(3600);
    await using _ = responder;
    await using server = await startInstance(frontend("true", target.port), files);
    await server.line(isTold(true));
    await using client = await startInstance(
      `
tunnels:
  theirs:
    frontend: 127.0.0.1:0
    backend:
      targets: [ "127.0.0.1:${server.port("ours")}" ]
      tls: { ca: root.crt, serverName: localhost, ocsp: { staple: only } }`,
      { "root.crt": root.cert },
    );
    assert.equal((await visit(client.port("theirs"))).text, "hello");
    const [session] = await client.sessions(1);
    assert.deepEqual(session?.["ocsp"], { server: "good" });
  });

  test("curl --cert-status takes it, and nothing less", requires("curl"), async () => {
    await using target = await startOnce();
    const { responder, files } = await shortLived(3600);
    await using _ = responder;
    using trusted = writeFiles({ "root.crt": root.cert });
    const ask = async (program: Instance) => {
      const url = `https://localhost:${program.port("ours")}/`;
      // the target sends the request back, which is no HTTP answer
      const args = ["--silent", "--http0.9", "--cert-status", "--cacert", trusted.path("root.crt"), url];
      return (await run("curl", args)).code;
    };
    await using program = await startInstance(frontend("true", target.port), files);
    await program.line(isTold(true));
    assert.equal(await ask(program), 0);
    await using without = await startInstance(frontend("false", target.port), files);
    assert.equal(await ask(without), 91, "CURLE_SSL_INVALIDCERTSTATUS");
  });
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
}
