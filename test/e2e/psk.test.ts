/**
 * A pre-shared key replaces all certificates, so there must be no way around it: with a certificate beside it a client without a key
 * got in (measured with Node's server), and with an AES-256 suite the key was passed over in silence. Both ends against openssl, which
 * shares no code with Node's handling of identities.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, suite, test } from "node:test";
import type { ConnectionOptions } from "node:tls";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startOnce, type TestTarget } from "../support/echo.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { sClient } from "../support/openssl.ts";
import { freePort } from "../support/ports.ts";
import { startProgram } from "../support/program.ts";
import { requires } from "../support/requires.ts";
import { sessionOf, visit } from "../support/visit.ts";

const keys = {
  alice: "00112233445566778899aabbccddeeff",
  bob: "ffeeddccbbaa99887766554433221100",
  other: "0123456789abcdef0123456789abcdef",
};
const secrets = `alice:${keys.alice}\nbob:${keys.bob}\n`;
const versions = { "1_2": "TLSv1.2", "1_3": "TLSv1.3" } as const;
const suites = "TLS_AES_128_GCM_SHA256:ECDHE-PSK-CHACHA20-POLY1305";

suite("pre-shared keys", requires("openssl"), () => {
  let target: TestTarget;
  let program: Instance;
  const ports = { same: 0, wrong: 0, certificate: 0 };
  const own = new AsyncDisposableStack();
  const server = testAuthority().issue();

  before(async () => {
    target = await startOnce();
    const files = own.use(writeFiles({ "server.crt": server.chain, "server.key": server.key }));
    const serving = async (...args: readonly string[]) => {
      const port = await freePort();
      const listen = ["-accept", `127.0.0.1:${port}`, "-rev"];
      own.use(await startProgram("openssl", ["s_server", ...listen, ...args], { ready: /ACCEPT/ }));
      return port;
    };
    // openssl's server knows one key, whatever the identity, unless it is told the identity
    const known = ["-nocert", "-psk_identity", "bob", "-psk"];
    ports.same = await serving(...known, keys.bob);
    ports.wrong = await serving(...known, keys.other);
    ports.certificate = await serving("-cert", files.path("server.crt"), "-key", files.path("server.key"));
    const backend = (name: string, port: number) => `
  ${name}:
    frontend: 127.0.0.1:0
    backend: { targets: [ ${port} ], tls: { psk: { file: psk.txt, identity: bob } } }
  ${name}-1.2:
    frontend: 127.0.0.1:0
    backend: { targets: [ ${port} ], tls: { maxVersion: TLSv1.2, psk: { file: psk.txt, identity: bob } } }`;
    program = await startInstance(
      `tunnels:
  all:
    frontend: { listen: [ "127.0.0.1:0", "unix:all.sock" ], tls: { psk: { file: psk.txt } } }
    backend: ${target.port}
  far:
    frontend: { listen: [ "127.0.0.1:0", "unix:far.sock" ], tls: { psk: { file: psk.txt } } }
    backend: ${target.port}
  checked:
    frontend: 127.0.0.1:0
    backend:
      targets: [ "unix:far.sock" ]
      tls: { psk: { file: psk.txt } }
      health: { type: tls, interval: 100ms, rise: 1, initial: down }
  some:
    frontend: { listen: "127.0.0.1:0", tls: { psk: { file: psk.txt, allow: [ bob, carol ] } } }
    backend: ${target.port}
  both:
    frontend: 127.0.0.1:0
    backend: { targets: [ "unix:all.sock" ], tls: { psk: { file: psk.txt } } }
${Object.entries(ports)
  .map(([name, port]) => backend(name, port))
  .join("")}`,
      { "psk.txt": secrets },
    );
  });

  after(async () => {
    // no key in what was said
    const said = JSON.stringify(program.lines) + program.stderr;
    await program[Symbol.asyncDispose]();
    await target.close();
    await own.disposeAsync();
    for (const key of Object.values(keys)) assert.ok(!said.includes(key));
  });

  async function say(tunnel: string, args: readonly string[]) {
    const before = program.lines.filter(
      ({ event, tunnel: of }) => event === "session" && of === tunnel,
    ).length;
    const { text } = await sClient(program.port(tunnel), [...args]);
    const line = (await program.sessions(before + 1, tunnel)).at(before);
    assert.ok(line);
    return { isServed: /\nhello\n/.test(text), text, line };
  }

  /** By the tunnel's name: a plain client that is closed at once may not know its own port any more. */
  async function onlyVisit(tunnel: string) {
    const visited = await visit(program.port(tunnel));
    const [line, ...more] = await program.sessions(1, tunnel);
    assert.ok(line && more.length === 0);
    return { visited, line };
  }

  for (const [flag, version] of Object.entries(versions)) {
    const openssl = (identity: string, key: string) => [
      `-tls${flag === "1_2" ? "1_2" : "1_3"}`,
      ...["-psk_identity", identity, "-psk", key],
      ...(flag === "1_2"
        ? ["-cipher", "ECDHE-PSK-CHACHA20-POLY1305"]
        : ["-ciphersuites", "TLS_AES_128_GCM_SHA256"]),
    ];

    test(`${version}: openssl comes in with the right key, and the log says by whose`, async () => {
      for (const identity of ["alice", "bob"] as const) {
        const { isServed, text, line } = await say("all", openssl(identity, keys[identity]));
        assert.ok(isServed, text);
        assert.partialDeepStrictEqual(line, {
          outcome: "completed",
          tls: { version, psk: identity, resumed: false },
        });
      }
    });

    test(`${version}: openssl with a wrong key is refused, with the reason in the log`, async () => {
      const { isServed, line } = await say("all", openssl("alice", keys.other));
      assert.deepEqual([isServed, line.outcome, line.attempts], [false, "handshake-failed", 0]);
      assert.match(line.reason ?? "", /another pre-shared key of the identity "alice"/);
    });

    test(`${version}: openssl with an unknown identity is refused, with the reason in the log`, async () => {
      const { isServed, line } = await say("all", openssl("mallory\n{}", keys.alice));
      assert.deepEqual([isServed, line.outcome, line.attempts], [false, "handshake-failed", 0]);
      assert.match(line.reason ?? "", /no pre-shared key of the identity "mallory\\n\{\}" is known/);
    });

    test(`${version}: only the identities that are allowed come in`, async () => {
      assert.ok((await say("some", openssl("bob", keys.bob))).isServed);
      const { isServed, line } = await say("some", openssl("alice", keys.alice));
      assert.deepEqual([isServed, line.outcome, line.attempts], [false, "handshake-failed", 0]);
      assert.match(line.reason ?? "", /the identity "alice" is not allowed/);
    });

    test(`${version}: a client without a key is refused, whatever certificate it shows`, async () => {
      const client = testAuthority().issue({ cn: "alice" });
      for (const tls of [
        {},
        { cert: client.chain, key: client.key },
        { ciphers: suites },
      ] as ConnectionOptions[]) {
        const visited = await visit(program.port("all"), { tls: { ...tls, maxVersion: version } });
        const line = await sessionOf(program, visited);
        assert.deepEqual([visited.text, line.outcome, line.attempts], ["", "handshake-failed", 0]);
      }
    });

    test(`${version}: nothing is resumed`, async () => {
      using files = writeFiles({});
      const session = files.path("session");
      const { isServed } = await say("all", [...openssl("alice", keys.alice), "-sess_out", session]);
      assert.ok(isServed);
      try {
        readFileSync(session);
      } catch {
        return; // there was none to store
      }
      const flags = openssl("alice", keys.alice).filter((_, index) => index < 1 || index > 4);
      const again = await say("all", [...flags, "-sess_in", session]);
      assert.deepEqual([again.isServed, again.line.outcome], [false, "handshake-failed"]);
    });

    const suffix = flag === "1_2" ? "-1.2" : "";

    test(`${version}: openssl's server takes our key, and we take it for proven`, async () => {
      const visited = await visit(program.port(`same${suffix}`), { say: "hello\n" });
      const line = await sessionOf(program, visited);
      assert.deepEqual([visited.text, line.outcome], ["olleh\n", "completed"], String(line.reason));
      assert.partialDeepStrictEqual(line, { targetTls: { version, resumed: false } });
      // a second one is a new handshake, and nothing is left over from the first
      const again = await sessionOf(program, await visit(program.port(`same${suffix}`), { say: "hello\n" }));
      assert.partialDeepStrictEqual(again, { outcome: "completed", targetTls: { resumed: false } });
    });

    test(`${version}: a target with another key is refused`, async () => {
      const { visited, line } = await onlyVisit(`wrong${suffix}`);
      assert.deepEqual([visited.text, line.outcome], ["", "connect-failed"]);
      assert.match(
        line.reason ?? "",
        /with the pre-shared key of "bob": the peer (refused|could not read) what we sent/,
      );
    });

    test(`${version}: a target that shows a certificate instead is refused`, async () => {
      const { visited, line } = await onlyVisit(`certificate${suffix}`);
      assert.deepEqual([visited.text, line.outcome, line.bytesIn], ["", "connect-failed", 0]);
      assert.match(
        line.reason ?? "",
        /with the pre-shared key of "bob": the (peer refused the handshake|certificate's)/,
      );
    });
  }

  test("health checks show the key too", async () => {
    await program.line(
      ({ event, backend, to }) => event === "target-health" && backend === "checked" && to === "up",
      "the verdict of a check",
    );
    assert.equal((await visit(program.port("checked"))).text, "hello");
  });

  test("both ends can be ours, the first identity of the file being the default", async () => {
    const visited = await visit(program.port("both"));
    const line = await sessionOf(program, visited);
    assert.deepEqual([visited.text, line.outcome], ["hello", "completed"], String(line.reason));
    const other = await program.line(
      (one) => one["tunnel"] === "all" && String(one["local"]).startsWith("unix:"),
    );
    assert.partialDeepStrictEqual(other, { outcome: "completed", tls: { psk: "alice" } });
  });
});
