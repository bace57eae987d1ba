/**
 * Many users will replace stunnel on one side first, so both ends have to work with it, with certificates checked on both sides. And a
 * certificate that one side refuses must not carry a byte, whichever program refuses it.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { suite, test } from "node:test";
import { type TestCertificate, testAuthority } from "../support/certificates.ts";
import { startEcho } from "../support/echo.ts";
import { unhappy } from "../support/examples.ts";
import { startInstance } from "../support/instance.ts";
import { run } from "../support/program.ts";
import { requires } from "../support/requires.ts";
import { startStunnel } from "../support/stunnel.ts";

const authority = testAuthority();
const server = authority.issue({ usage: "server" });
const client = authority.issue({ cn: "client", usage: "client" });
const stranger = testAuthority("Somebody else").issue({ cn: "client", usage: "client" });
const files = { "ca.crt": authority.cert, "server.crt": server.chain, "server.key": server.key };

const frontendYaml = (target: number) => `
tunnels:
  ours:
    frontend:
      listen: 127.0.0.1:0
      tls: { cert: server.crt, key: server.key, client: { ca: ca.crt } }
    backend: ${target}
`;

const backendYaml = (target: number) => `
tunnels:
  ours:
    frontend: 127.0.0.1:0
    backend:
      targets: [ "127.0.0.1:${target}" ]
      tls: { ca: ca.crt, cert: client.crt, key: client.key, serverName: localhost }
`;

suite("stunnel as the client of a TLS frontend", requires("stunnel", "socat"), () => {
  async function setUp(identity?: TestCertificate, options: Readonly<Record<string, string>> = {}) {
    await using stack = new AsyncDisposableStack();
    const echo = stack.use(await startEcho());
    const instance = stack.use(await startInstance(frontendYaml(echo.port), files));
    const peer = stack.use(
      await startStunnel({
        role: "client",
        connect: instance.port("ours"),
        ca: authority.cert,
        ...(identity ? { identity } : {}),
        options,
      }),
    );
    const owned = stack.move();
    return { echo, instance, peer, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  }

  for (const version of ["TLSv1.2", "TLSv1.3"]) {
    test(`it shows its certificate and eight megabytes come back with ${version}`, async () => {
      await using setup = await setUp(client, { sslVersion: version });
      await roundTrip(setup.peer.port);
      const sessions = await setup.instance.sessions(1);
      assert.deepEqual(unhappy(sessions), []);
      assert.equal(sessions[0]?.tls?.version, version);
      assert.match(sessions[0]?.tls?.client?.subject ?? "", /client/);
    });
  }

  test("its certificate is refused when another CA has issued it", async () => {
    await using setup = await setUp(stranger);
    await refused(setup.peer.port);
    const [session] = await setup.instance.sessions(1);
    assert.equal(session?.outcome, "handshake-failed");
    assert.equal(setup.echo.sockets.length, 0);
  });

  test("it is refused without a certificate", async () => {
    await using setup = await setUp();
    await refused(setup.peer.port);
    const [session] = await setup.instance.sessions(1);
    assert.equal(session?.outcome, "handshake-failed");
    assert.equal(setup.echo.sockets.length, 0);
  });
});

suite("stunnel as the target of a TLS backend", requires("stunnel", "socat"), () => {
  async function setUp(
    identity: TestCertificate,
    { target = server, options = {} }: { target?: TestCertificate; options?: Record<string, string> } = {},
  ) {
    await using stack = new AsyncDisposableStack();
    const echo = stack.use(await startEcho());
    const peer = stack.use(
      await startStunnel({
        role: "server",
        connect: echo.port,
        ca: authority.cert,
        identity: target,
        options,
      }),
    );
    const own = { "ca.crt": authority.cert, "client.crt": identity.chain, "client.key": identity.key };
    const instance = stack.use(await startInstance(backendYaml(peer.port), own));
    const owned = stack.move();
    return { echo, instance, peer, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  }

  for (const version of ["TLSv1.2", "TLSv1.3"]) {
    test(`it accepts our certificate and eight megabytes come back with ${version}`, async () => {
      await using setup = await setUp(client, { options: { sslVersion: version, requireCert: "yes" } });
      await roundTrip(setup.instance.port("ours"));
      assert.deepEqual(unhappy(await setup.instance.sessions(1)), []);
      await setup.peer.program.said(/Certificate accepted at depth=0: CN ?= ?client/);
    });
  }

  test("it refuses our certificate when another CA has issued it", async () => {
    await using setup = await setUp(stranger, { options: { requireCert: "yes" } });
    await refused(setup.instance.port("ours"));
    const [session] = await setup.instance.sessions(1);
    assert.notEqual(session?.outcome, "completed");
    assert.equal(setup.echo.sockets.length, 0);
  });

  test("its certificate is refused when another CA has issued it", async () => {
    const impostor = testAuthority("Somebody else").issue({ usage: "server" });
    await using setup = await setUp(client, { target: impostor });
    await refused(setup.instance.port("ours"));
    const [session] = await setup.instance.sessions(1);
    assert.equal(session?.outcome, "connect-failed");
    assert.equal(setup.echo.sockets.length, 0);
  });
});

/**
 * Bytes through the port and back, then an end from either side. The client ends when it has all: of a target that has
 * closed, stunnel 5.68 throws away what it has not read yet ("Read socket closed (HUP)").
 */
async function roundTrip(port: number): Promise<void> {
  const sent = randomBytes(8 * 1024 * 1024);
  const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  client.write(sent);
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of client.iterator({ destroyOnReturn: false })) {
    pieces.push(piece);
    length += piece.length;
    if (length >= sent.length) break;
  }
  client.end().resume();
  await once(client, "end");
  assert.equal(length, sent.length);
  const wrong = Buffer.concat(pieces).findIndex((byte, index) => byte !== sent[index]);
  assert.equal(wrong, -1, `another byte at ${wrong}`);
}

/** Nothing comes back, and the connection is closed. */
async function refused(port: number): Promise<void> {
  const { stdout } = await run("socat", ["-t", "20", "-", `TCP:127.0.0.1:${port}`], { input: "anybody?\n" });
  assert.equal(stdout.length, 0);
}
