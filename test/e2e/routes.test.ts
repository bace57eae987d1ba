/** One address, several identities, backends and protocols: where a client comes out, and what is said about it afterwards. */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { testAuthority } from "../support/certificates.ts";
import { startSigned, type TestTarget } from "../support/echo.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { sClient } from "../support/openssl.ts";
import { requires } from "../support/requires.ts";
import { sessionOf, visit } from "../support/visit.ts";

const authority = testAuthority();
const certificates = Object.fromEntries(
  ["a.test", "b.test", "target.test"].map((cn) => [cn, authority.issue({ cn })]),
);
const own = authority.issue({ cn: "default.test" });
const elsewhere = testAuthority("Another CA");

suite("routes", { concurrency: 4 }, () => {
  let program: Instance;
  const targets = new Map<string, TestTarget>();
  const port = (name: string) => targets.get(name)?.port;

  before(async () => {
    for (const name of ["a", "b", "wild", "h2", "here", "http", "ssh", "plain", "default"])
      targets.set(name, await startSigned(name));
    const target = certificates["target.test"];
    targets.set(
      "through",
      await startSigned("through", {
        cert: target?.chain ?? "",
        key: target?.key ?? "",
        ALPNProtocols: ["h2"],
      }),
    );
    const files = Object.entries({ ...certificates, default: own }).flatMap(([name, { chain, key }]) => [
      [`${name}.crt`, chain],
      [`${name}.key`, key],
    ]);
    program = await startInstance(
      `backends: { b: ${port("b")} }
metrics: { listen: "127.0.0.1:0" }
tunnels:
  web:
    frontend: { listen: "127.0.0.1:0", tls: { cert: default.crt, key: default.key } }
    routes:
      - { name: h2-only, match: { serverName: a.test, alpn: h2 }, tls: { cert: a.test.crt, key: a.test.key, alpn: [ h2 ] }, backend: ${port("h2")} }
      - { match: { serverName: a.test }, tls: { cert: a.test.crt, key: a.test.key }, backend: ${port("a")} }
      - { match: { serverName: [ B.test, "*.b.test" ] }, tls: { cert: b.test.crt, key: b.test.key }, backend: b }
      - { name: through, match: { serverName: "*.through.test" }, tls: passthrough, backend: ${port("through")} }
      - { match: { serverName: near.test, client: 127.0.0.0/8 }, backend: ${port("here")} }
      - { match: { serverName: far.test, client: 192.0.2.0/24 }, backend: ${port("here")} }
    backend: ${port("default")}
  mixed:
    frontend: { listen: "127.0.0.1:0" }
    routes:
      - { match: { protocol: tls }, tls: { cert: default.crt, key: default.key }, backend: ${port("a")} }
      - { match: { protocol: http }, backend: ${port("http")} }
      - { match: { protocol: ssh }, backend: ${port("ssh")} }
  fallback:
    frontend: { listen: "127.0.0.1:0" }
    routes:
      - { match: { protocol: tls }, tls: { cert: default.crt, key: default.key }, backend: ${port("a")} }
    backend: ${port("plain")}
  single:
    frontend: { listen: "127.0.0.1:0", tls: { cert: default.crt, key: default.key } }
    backend: ${port("default")}
  refused:
    frontend: { listen: "127.0.0.1:0" }
    routes:
      - { match: { serverName: a.test }, tls: { cert: a.test.crt, key: a.test.key, client: { ca: other.crt, redirect: ${port("here")} } }, backend: ${port("a")} }
`,
      Object.fromEntries([...files, ["other.crt", elsewhere.cert]]),
    );
  });

  after(async () => {
    await program[Symbol.asyncDispose]();
    for (const target of targets.values()) await target.close();
  });

  async function call(
    servername: string | undefined,
    { tunnel = "web", alpn }: { tunnel?: string; alpn?: string[] } = {},
  ) {
    let subject: string | undefined;
    const seen = await visit(program.port(tunnel), {
      tls: {
        ca: authority.cert,
        ...(servername === undefined ? {} : { servername }),
        ...(alpn ? { ALPNProtocols: alpn } : {}),
        checkServerIdentity: (_, certificate) => {
          subject = String(certificate.subject.CN);
          return undefined;
        },
      },
    });
    return {
      subject,
      text: seen.text.trim(),
      alpn: seen.tls?.alpn,
      error: seen.error,
      line: await sessionOf(program, seen),
    };
  }

  test("lead each name to its own certificate and backend", async () => {
    for (const [name, subject, at, route] of [
      ["a.test", "a.test", "a", "2"],
      ["A.TEST", "a.test", "a", "2"],
      ["b.test", "b.test", "b", "3"],
      ["x.b.test", "b.test", "b", "3"],
      ["x.y.b.test", "default.test", "default", undefined],
      ["unknown.test", "default.test", "default", undefined],
      [undefined, "default.test", "default", undefined],
    ] as const) {
      const reached = await call(name);
      assert.deepEqual([reached.subject, reached.text], [subject, `here is ${at}`]);
      const { line } = reached;
      assert.deepEqual(
        [line.outcome, line.route, line.serverName],
        ["completed", route, name?.toLowerCase()],
      );
    }
  });

  test("can depend on what a client offers by ALPN", async () => {
    const offered = await call("a.test", { alpn: ["http/1.1", "h2"] });
    assert.deepEqual([offered.text, offered.alpn, offered.line.route], ["here is h2", "h2", "h2-only"]);
    const other = await call("a.test", { alpn: ["http/1.1"] });
    assert.deepEqual([other.text, other.line.route], ["here is a", "2"]);
  });

  test("pass TLS through untouched: its end is at the target", async () => {
    const through = await call("x.through.test", { alpn: ["h2"] });
    assert.deepEqual([through.subject, through.text, through.alpn], ["target.test", "here is through", "h2"]);
    const { line } = through;
    assert.deepEqual(
      [line.route, line.serverName, line.alpn, line.tls, line.outcome],
      ["through", "x.through.test", "h2", undefined, "completed"],
    );
    assert.ok(line.bytesIn > 300);
  });

  test("can depend on where a client is, with the identity of the frontend", async () => {
    const near = await call("near.test");
    assert.deepEqual([near.subject, near.text], ["default.test", "here is here"]);
    const far = await call("far.test");
    assert.deepEqual([far.text, far.line.route], ["here is default", undefined]);
  });

  test("let TLS and plain protocols share a port", async () => {
    assert.equal((await call("a.test", { tunnel: "mixed" })).text, "here is a");
    for (const [say, at] of [
      ["GET / HTTP/1.1\r\n\r\n", "http"],
      ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http"],
      ["SSH-2.0-test\r\n", "ssh"],
    ] as const) {
      const seen = await visit(program.port("mixed"), { say });
      assert.equal(seen.text.trim(), `here is ${at}`);
      const { outcome, bytesIn, tls } = await sessionOf(program, seen);
      assert.deepEqual([outcome, bytesIn, tls], ["completed", say.length, undefined]);
    }
    const other = await visit(program.port("mixed"), { say: "HELO x\r\n" });
    const { outcome, reason } = await sessionOf(program, other);
    assert.deepEqual([other.text, outcome, reason], ["", "no-route", "there is no route for the client"]);
  });

  test("leave everything else to a plain backend", async () => {
    assert.equal((await call("a.test", { tunnel: "fallback" })).text, "here is a");
    for (const say of ["GET / HTTP/1.1\r\n\r\n", "anything", "\0\x01"])
      assert.equal((await visit(program.port("fallback"), { say })).text.trim(), "here is plain");
    // what begins like TLS and is none does not pass for something plain
    const damaged = await visit(program.port("fallback"), { say: Buffer.from("160301000102", "hex") });
    assert.equal((await sessionOf(program, damaged)).outcome, "bad-preamble");
  });

  test("recognise and count a client that speaks in the clear where TLS is expected", async () => {
    const seen = await visit(program.port("web"), { say: "GET / HTTP/1.1\r\n\r\n" });
    const { outcome, reason, target } = await sessionOf(program, seen);
    assert.deepEqual(
      [seen.text, outcome, reason, target],
      ["", "handshake-failed", "the client speaks http in the clear where TLS is expected", undefined],
    );
    await sessionOf(program, await visit(program.port("single"), { say: "GET / HTTP/1.1\r\n\r\n" }));
    const ready = program.lines.find(({ event }) => event === "ready");
    const metrics = await (await fetch(`http://${ready?.["metrics"]}/metrics`)).text();
    // without routes nobody peeks, and OpenSSL says it
    for (const tunnel of ["web", "single"])
      assert.ok(
        metrics.includes(
          `equilibria_tls_handshake_failures_total{tunnel="${tunnel}",side="frontend",reason="plaintext"} 1\n`,
        ),
        tunnel,
      );
  });

  test("have rules of their own, redirect included", async () => {
    const seen = await call("a.test", { tunnel: "refused" });
    assert.equal(seen.text, "here is here");
    assert.deepEqual([seen.line.route, seen.line.outcome], ["1", "completed"]);
  });

  test("tell a TLS client that no route knows its name", requires("openssl"), async () => {
    const { text } = await sClient(program.port("refused"), ["-servername", "unknown.test"]);
    assert.match(text, /unrecognized name/);
  });
});
