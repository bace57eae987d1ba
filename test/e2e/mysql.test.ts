/**
 * MySQL's protocol turns to TLS in the middle of its login, whose packets both ends count: so the tunnel takes part in it, for every
 * way of proving a password, and lets go when the server has decided.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { after, suite, test } from "node:test";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { command } from "../support/command.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { mariadb, mariadbTools, startMariaDb } from "../support/mariadb.ts";
import { requires } from "../support/requires.ts";
import { startSha2Server } from "../support/sha2-server.ts";

const authority = testAuthority();
const identity = authority.issue();
const files = writeFiles({ "ca.crt": authority.cert });
after(() => files[Symbol.dispose]());
const material = { "ca.crt": authority.cert, "own.crt": identity.chain, "own.key": identity.key };
const withTls = [`--ssl-ca=${files.path("ca.crt")}`, "--ssl-verify-server-cert"];

const front = "negotiate: { protocol: mysql, version: 10.11.0-MariaDB }";
const frontTls = "tls: { cert: own.crt, key: own.key }";
const backTls = "negotiate: mysql, tls: { ca: ca.crt, serverName: localhost }";

/** Clients with TLS before a plain server; without, before one with TLS; and with TLS on both sides. */
function tunnels(target: number | string): Promise<InProcess> {
  return startInProcess(
    `
tunnels:
  outer: { frontend: { listen: "127.0.0.1:0", ${front}, ${frontTls} }, backend: "${target}" }
  inner: { frontend: { listen: "127.0.0.1:0", ${front} }, backend: { targets: [ "${target}" ], ${backTls} } }
  both: { frontend: { listen: "127.0.0.1:0", ${front}, ${frontTls} }, backend: { targets: [ "${target}" ], ${backTls} } }
`,
    material,
  );
}

suite("mysql with a real server", requires(...mariadbTools), () => {
  test("every account gets in through each kind of tunnel, and none with a wrong password", async (context) => {
    await using server = await startMariaDb(identity);
    await using tunnel = await tunnels(server.port);
    const status = "show status like 'Ssl_version'";
    for (const user of ["joe", "eve"]) {
      await context.test(`${user} with TLS before a plain server`, async () => {
        const { text } = await mariadb(tunnel.port("outer"), { user, options: withTls, sql: status });
        assert.match(text, /^Ssl_version\t\n$/);
      });
      for (const [name, options] of [
        ["inner", ["--skip-ssl"]],
        ["both", withTls],
      ] as const)
        await context.test(`${user} through ${name}`, async () => {
          const { text } = await mariadb(tunnel.port(name), { user, options, sql: status });
          assert.match(text, /^Ssl_version\tTLSv1\.3\n$/);
        });
    }
    await context.test("a large result and a large statement come whole", async () => {
      const digest = createHash("md5").update("x".repeat(9_000_000)).digest("hex");
      const sql = `select md5(repeat('x', 9000000)), length('${"y".repeat(100_000)}'), length(repeat('z', 9000000))`;
      for (const [name, options] of [
        ["outer", withTls],
        ["inner", ["--skip-ssl"]],
      ] as const) {
        const { text } = await mariadb(tunnel.port(name), {
          options: [...options, "--max-allowed-packet=32M"],
          sql,
        });
        assert.match(text, new RegExp(`^${digest}\\t100000\\t9000000\\n$`));
      }
    });
    await context.test("a wrong password is refused by the server, in its words", async () => {
      for (const [name, options] of [
        ["outer", withTls],
        ["inner", ["--skip-ssl"]],
      ] as const) {
        const { code, text } = await mariadb(tunnel.port(name), {
          password: "wrong",
          options,
          sql: "select 1",
        });
        assert.equal(code, 1);
        assert.match(text, /ERROR 1045 \(28000\): Access denied for user 'joe'/);
      }
    });
    await context.test("an account that must have TLS is let in where the server sees some", async () => {
      const sql = "select 6 * 7";
      assert.equal((await mariadb(tunnel.port("inner"), { user: "tess", sql })).text, "42\n");
      const { text } = await mariadb(tunnel.port("outer"), { user: "tess", options: withTls, sql });
      assert.match(text, /Access denied for user 'tess'/);
    });
    await context.test("inspect brings it to TLS", async () => {
      const { code, stdout, stderr } = await command([
        ...["inspect", `localhost:${server.port}`, "--starttls", "mysql"],
        ...["--ca", files.path("ca.crt")],
      ]);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /the certificate is good for localhost/);
    });
    await context.test("a client without TLS is told that it needs some", async () => {
      const { code, text } = await mariadb(tunnel.port("outer"), { sql: "select 1" });
      assert.equal(code, 1);
      assert.match(text, /ERROR 3159 .*over TLS only/);
    });
  });
});

suite("mysql with a server that wants to know the password itself", requires("mariadb"), () => {
  test("without TLS it gets it encrypted for its key, from a client that has sent it in TLS", async () => {
    await using server = await startSha2Server();
    await using tunnel = await tunnels(server.port);
    const { text } = await mariadb(tunnel.port("outer"), { options: withTls, sql: "do 1" });
    assert.deepEqual(server.passwords, ["secret"], text);
  });

  test("with TLS it gets it as it is, from a client that has encrypted it", async () => {
    await using server = await startSha2Server(identity);
    await using tunnel = await tunnels(server.port);
    const { text } = await mariadb(tunnel.port("inner"), { sql: "do 1" });
    assert.deepEqual(server.passwords, ["secret"], text);
  });

  test("with TLS on both sides it is passed on", async () => {
    await using server = await startSha2Server(identity);
    await using tunnel = await tunnels(server.port);
    const { text } = await mariadb(tunnel.port("both"), { options: withTls, sql: "do 1" });
    assert.deepEqual(server.passwords, ["secret"], text);
  });
});

suite("mysql without a server that would do", requires("mariadb"), () => {
  test("a client is told in its protocol when there is no target", async () => {
    await using tunnel = await tunnels(1);
    const { text } = await mariadb(tunnel.port("outer"), { options: withTls, sql: "do 1" });
    assert.match(text, /ERROR 1105 .*No target can be reached/);
    assert.match((await mariadb(tunnel.port("inner"), { sql: "do 1" })).text, /No target can be reached/);
  });

  test("a server without TLS is not used where TLS is wanted", async () => {
    await using server = await startSha2Server();
    await using tunnel = await tunnels(server.port);
    assert.match((await mariadb(tunnel.port("inner"), { sql: "do 1" })).text, /No target can be reached/);
    const [session] = await tunnel.sessions(1);
    assert.match(session?.reason ?? "", /does not offer TLS: "8\.4\.0"/);
    assert.deepEqual(server.passwords, []);
  });

  test("what follows the request for TLS in the clear reaches nobody", async () => {
    await using server = await startSha2Server();
    await using tunnel = await tunnels(server.port);
    const socket = connect(tunnel.port("outer"), "127.0.0.1");
    socket.on("error", () => {});
    await once(socket, "data");
    const request = Buffer.from(`2000000100${"0a0a0001"}${"00".repeat(27)}`, "hex");
    request.writeUInt32LE(0x0008_8a00, 4);
    socket.resume().write(Buffer.concat([request.subarray(0, 36), Buffer.from("\x0a\0\0\x02injected!!")]));
    const [session] = await tunnel.sessions(1);
    assert.equal(session?.outcome, "handshake-failed");
    assert.equal(session.target, undefined);
  });
});
