/**
 * A TLS frontend as the two tools see it that people check one with. Both are OpenSSL without Node: they notice what a client written with
 * the same library as the server would forgive.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { suite, test } from "node:test";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startNamed } from "../support/echo.ts";
import { unhappy } from "../support/examples.ts";
import { startInstance } from "../support/instance.ts";
import { run, startProgram } from "../support/program.ts";
import { requires } from "../support/requires.ts";

const authority = testAuthority();
const server = authority.issue({ usage: "server" });
const client = authority.issue({ cn: "client", usage: "client" });
const files = { "ca.crt": authority.cert, "server.crt": server.chain, "server.key": server.key };

/** @param more further lines of the frontend's `tls` block */
const yaml = (target: number, more = "") => `
tunnels:
  web:
    frontend:
      listen: 127.0.0.1:0
      tls: { cert: server.crt, key: server.key${more} }
    backend: ${target}
`;
const clientCertificates = ", client: { ca: ca.crt }";

suite("openssl s_client", requires("openssl"), () => {
  async function setUp(more?: string) {
    await using stack = new AsyncDisposableStack();
    const trusted = stack.use(
      writeFiles({ "ca.crt": authority.cert, "own.crt": client.chain, "own.key": client.key }),
    );
    const target = stack.use(await startNamed("the target"));
    const instance = stack.use(await startInstance(yaml(target.port, more), files));
    const connect = ["s_client", "-connect", `localhost:${instance.port("web")}`];
    const verify = [
      "-verify_return_error",
      "-verify_hostname",
      "localhost",
      "-CAfile",
      trusted.path("ca.crt"),
    ];
    const owned = stack.move();
    return { trusted, target, instance, connect, verify, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  }

  test("verifies chain and name over TLS 1.3", async () => {
    await using setup = await setUp();
    const { connect, verify, instance } = setup;
    // ends the session itself once its standard input has ended
    const { code, text } = await run("openssl", [...connect, ...verify, "-servername", "localhost"], {
      input: "",
    });
    assert.equal(code, 0, text);
    assert.match(text, /Verify return code: 0 \(ok\)/);
    assert.match(text, /TLSv1\.3, Cipher is TLS_AES_128_GCM_SHA256/);
    const [session] = await instance.sessions(1);
    assert.equal(session?.serverName, "localhost");
  });

  test("gets the target's first words", async () => {
    await using setup = await setUp();
    const { connect, verify, target } = setup;
    await using talk = await startProgram("openssl", [...connect, ...verify, "-quiet"], {
      ready: /^the target$/m,
    });
    assert.equal(target.sockets.length, 1);
    await talk.stop();
  });

  test("gives up when it does not trust the CA", async () => {
    await using setup = await setUp();
    const { connect, instance } = setup;
    const { code, text } = await run("openssl", [...connect, "-verify_return_error"], { input: "" });
    assert.equal(code, 1);
    assert.match(text, /unable to get local issuer certificate|unable to verify the first certificate/);
    const [session] = await instance.sessions(1);
    assert.equal(session?.outcome, "handshake-failed");
    assert.match(session?.reason ?? "", /trust/);
  });

  test("agrees on TLS 1.2 with forward secrecy, and not on TLS 1.1 or RSA key transport", async () => {
    await using setup = await setUp();
    const { connect, verify } = setup;
    const good = await run("openssl", [...connect, ...verify, "-tls1_2"], { input: "" });
    assert.match(good.text, /TLSv1\.2, Cipher is ECDHE-ECDSA-/);
    const old = await run("openssl", [...connect, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], { input: "" });
    assert.equal(old.code, 1);
    assert.match(old.text, /alert protocol version/);
    const weak = await run("openssl", [...connect, "-tls1_2", "-cipher", "AES128-SHA"], { input: "" });
    assert.equal(weak.code, 1);
    assert.match(weak.text, /alert handshake failure/);
  });

  for (const version of ["-tls1_2", "-tls1_3"]) {
    test(`resumes a session with ${version}`, async () => {
      await using setup = await setUp();
      const { connect, verify, trusted, instance } = setup;
      const ticket = trusted.path("ticket");
      const base = [...connect, ...verify, version];
      // the target's words come after the handshake, and so do the tickets of TLS 1.3 (RFC 8446, 4.6.1)
      await using first = await startProgram("openssl", [...base, "-ign_eof", "-sess_out", ticket], {
        ready: /^the target$/m,
      });
      await first.stop();
      const { text } = await run("openssl", [...base, "-sess_in", ticket], { input: "" });
      assert.match(text, /^Reused, /m);
      const sessions = await instance.sessions(2);
      assert.deepEqual(
        sessions.map(({ tls }) => tls?.resumed),
        [false, true],
      );
    });
  }

  test("gets in with a certificate where one is required", async () => {
    await using setup = await setUp(clientCertificates);
    const { connect, verify, trusted, instance } = setup;
    const identity = ["-cert", trusted.path("own.crt"), "-key", trusted.path("own.key")];
    await using talk = await startProgram("openssl", [...connect, ...verify, ...identity, "-quiet"], {
      ready: /^the target$/m,
    });
    await talk.stop();
    const [session] = await instance.sessions(1);
    assert.match(session?.tls?.client?.subject ?? "", /client/);
  });
});

suite("curl", requires("curl"), () => {
  async function setUp(more?: string) {
    await using stack = new AsyncDisposableStack();
    const trusted = stack.use(
      writeFiles({ "ca.crt": authority.cert, "own.crt": client.chain, "own.key": client.key }),
    );
    const web = stack.use(await startWeb());
    const instance = stack.use(await startInstance(yaml(web.port, more), files));
    const url = `https://localhost:${instance.port("web")}/`;
    const curl = (args: readonly string[], input?: Buffer) =>
      run("curl", ["-sS", "--cacert", trusted.path("ca.crt"), ...args, url], input ? { input } : {});
    const identity = ["--cert", trusted.path("own.crt"), "--key", trusted.path("own.key")];
    const owned = stack.move();
    return { web, instance, curl, url, identity, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  }

  test("downloads twenty megabytes unchanged", async () => {
    await using setup = await setUp();
    const { code, stdout } = await setup.curl([]);
    assert.equal(code, 0);
    assert.equal(sha256(stdout), sha256(setup.web.page));
    const sessions = await setup.instance.sessions(1);
    assert.deepEqual(unhappy(sessions), []);
    assert.ok((sessions[0]?.bytesOut ?? 0) > setup.web.page.length);
  });

  test("uploads twenty megabytes unchanged", async () => {
    await using setup = await setUp();
    const body = randomBytes(20_000_000);
    const { text } = await setup.curl(["-X", "PUT", "-H", "Expect:", "--data-binary", "@-"], body);
    assert.equal(text, sha256(body));
    assert.deepEqual(unhappy(await setup.instance.sessions(1)), []);
  });

  test("keeps one connection for several requests", async () => {
    await using setup = await setUp();
    const { code, text } = await setup.curl(["--head", setup.url]);
    assert.equal(code, 0, text);
    assert.equal(setup.web.requests(), 2);
    assert.equal((await setup.instance.sessions(1)).length, 1);
  });

  test("is turned away without a certificate where one is required, and served with one", async () => {
    await using setup = await setUp(clientCertificates);
    const { curl, identity, instance, web } = setup;
    const without = await curl([]);
    assert.ok([35, 55, 56].includes(without.code ?? 0), without.text);
    assert.equal(web.requests(), 0);
    const served = await curl([...identity, "--head"]);
    assert.match(served.text, /^HTTP\/1\.1 200 OK/);
    const outcomes = (await instance.sessions(2)).map(({ outcome }) => outcome);
    assert.deepEqual(outcomes, ["handshake-failed", "completed"]);
  });
});

/** Answers GET with a page of 20 MB, and PUT with the hash of the body. */
async function startWeb() {
  const page = randomBytes(20_000_000);
  let requests = 0;
  const web = createServer(async (request, response) => {
    requests++;
    if (request.method !== "PUT") {
      response.setHeader("content-length", page.length).end(request.method === "HEAD" ? undefined : page);
      return;
    }
    const hash = createHash("sha256");
    for await (const chunk of request) hash.update(chunk);
    response.end(hash.digest("hex"));
  });
  web.listen(0, "127.0.0.1");
  await once(web, "listening");
  return {
    page,
    port: (web.address() as AddressInfo).port,
    requests: () => requests,
    [Symbol.asyncDispose]: async () => {
      web.close();
      web.closeAllConnections();
      await once(web, "close");
    },
  };
}

function sha256(data: Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}
