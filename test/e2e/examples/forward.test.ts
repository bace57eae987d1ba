/**
 * config/forward-near.yaml and config/forward-far.yaml: the pair that replaces `ssh -L`. What counts beside the bytes is that nobody
 * gets in without a certificate, and that one end's close reaches the other.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { suite, test } from "node:test";
import { type TestCertificate, testAuthority } from "../../support/certificates.ts";
import { startEcho, type TestTarget } from "../../support/echo.ts";
import { exampleCertificates, startExample, unhappy } from "../../support/examples.ts";
import { run } from "../../support/program.ts";
import { requires } from "../../support/requires.ts";

suite("config/forward-near.yaml and config/forward-far.yaml", requires("socat", "curl"), () => {
  async function setUp(client?: TestCertificate) {
    await using stack = new AsyncDisposableStack();
    const certificates = stack.use(exampleCertificates());
    const service: TestTarget = stack.use(await startEcho());
    const far = stack.use(
      await startExample("forward-far.yaml", {
        CERTS: certificates.dir,
        FAR_LISTEN: "127.0.0.1:0",
        SERVICE: `127.0.0.1:${service.port}`,
      }),
    );
    if (client) certificates.replaceClient(client);
    const near = stack.use(
      await startExample("forward-near.yaml", {
        CERTS: certificates.dir,
        NEAR_LISTEN: "127.0.0.1:0",
        FAR: `localhost:${far.port("forward-far")}`,
      }),
    );
    const owned = stack.move();
    return {
      certificates,
      service,
      far,
      near,
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    };
  }

  test("sixteen megabytes go there and back, and the end of the input arrives too", async () => {
    await using setup = await setUp();
    const { near, far } = setup;
    const sent = randomBytes(16 * 1024 * 1024);
    // socat ends its sending side after the input and waits up to 20 s for the rest
    const address = `TCP:127.0.0.1:${near.port("forward-near")}`;
    const { code, stdout } = await run("socat", ["-t", "20", "-", address], { input: sent });
    assert.equal(code, 0);
    assert.equal(sha256(stdout), sha256(sent));
    const sessions = [...(await near.sessions(1)), ...(await far.sessions(1))];
    assert.deepEqual(unhappy(sessions), []);
    for (const { bytesIn, bytesOut } of sessions)
      assert.deepEqual({ bytesIn, bytesOut }, { bytesIn: sent.length, bytesOut: sent.length });
    assert.match(sessions[1]?.tls?.client?.subject ?? "", /client/);
  });

  test("the far end closes on a client without a certificate before the service hears of it", async () => {
    await using setup = await setUp();
    const { certificates, service, far } = setup;
    const url = `https://localhost:${far.port("forward-far")}/`;
    const { code, text } = await run("curl", ["-sS", "--cacert", certificates.ca, url]);
    assert.ok(code === 35 || code === 55 || code === 56, text);
    const [session] = await far.sessions(1);
    assert.equal(session?.outcome, "handshake-failed");
    assert.equal(service.sockets.length, 0);
  });

  test("the far end closes on a near end whose certificate is of another CA", async () => {
    const stranger = testAuthority("Somebody else").issue({ cn: "client", usage: "client" });
    await using setup = await setUp(stranger);
    const { near, far, service } = setup;
    const url = `http://127.0.0.1:${near.port("forward-near")}/`;
    const { code, text } = await run("curl", ["-sS", url]);
    assert.ok(code === 52 || code === 56, text);
    const [refused] = await far.sessions(1);
    assert.equal(refused?.outcome, "handshake-failed");
    // with TLS 1.3 a client learns only after its own handshake that it was refused
    const [session] = await near.sessions(1);
    assert.notEqual(session?.outcome, "completed");
    assert.equal(service.sockets.length, 0);
  });
});

function sha256(data: Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}
