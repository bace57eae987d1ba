/**
 * What a frontend speaks when nobody has said anything about it: RFC 9325 and RFC 7301, judged by openssl from outside. A default
 * that slips is noticed by nobody else until a scanner finds it.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import type { ConnectionOptions } from "node:tls";
import { testAuthority } from "../support/certificates.ts";
import { startOnce, type TestTarget } from "../support/echo.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { sClient } from "../support/openssl.ts";
import { requires } from "../support/requires.ts";
import { visit } from "../support/visit.ts";

const authority = testAuthority();
const ecdsa = authority.issue();
const rsa = authority.issue({ key: "rsa" });
const trusting = { ca: authority.cert, servername: "localhost" };

suite("a TLS frontend with default settings", requires("openssl"), () => {
  let target: TestTarget;
  let program: Instance;

  before(async () => {
    target = await startOnce();
    const tunnel = (name: string, more = "") => `
  ${name}:
    frontend:
      listen: 127.0.0.1:0
      tls: { cert: ${name.split("-")[0]}.crt, key: ${name.split("-")[0]}.key${more} }
    backend: ${target.port}`;
    program = await startInstance(
      `tunnels:${tunnel("ecdsa")}${tunnel("rsa")}${tunnel("ecdsa-alpn", ", alpn: [ h2, http/1.1 ]")}`,
      { "ecdsa.crt": ecdsa.chain, "ecdsa.key": ecdsa.key, "rsa.crt": rsa.chain, "rsa.key": rsa.key },
    );
  });

  after(async () => {
    await program[Symbol.asyncDispose]();
    await target.close();
  });

  const talk = (tunnel: string, ...args: readonly string[]) => sClient(program.port(tunnel), args);

  for (const version of ["1_2", "1_3"])
    test(`speaks TLS ${version.replace("_", ".")}`, async () => {
      const { text } = await talk("ecdsa", `-tls${version}`);
      assert.match(text, new RegExp(`New, TLSv${version.replace("_", ".")}, Cipher is (TLS|ECDHE)`));
      assert.match(text, /\nhello\n/);
    });

  for (const version of ["1", "1_1"])
    test(`refuses TLS ${version.replace("_", ".")}`, async () => {
      const { code, text } = await talk("rsa", `-tls${version}`, "-cipher", "ALL:@SECLEVEL=0");
      assert.notEqual(code, 0);
      assert.match(text, /alert protocol version/);
    });

  const refusedSuites = {
    "a static RSA suite with GCM": "AES128-GCM-SHA256",
    "a static RSA suite with CBC": "AES256-SHA",
    "an ECDHE suite with CBC": "ECDHE-RSA-AES128-SHA",
    "an ECDHE suite with CBC and SHA-256": "ECDHE-RSA-AES128-SHA256",
    "a DHE suite": "DHE-RSA-AES128-GCM-SHA256",
    "CCM and ARIA": "RSA-PSK-AES128-GCM-SHA256:AES128-CCM:ECDHE-ARIA128-GCM-SHA256",
    "a suite without authentication": "aNULL:@SECLEVEL=0",
    "a suite without encryption": "eNULL:@SECLEVEL=0",
  };
  for (const [what, cipher] of Object.entries(refusedSuites))
    test(`refuses ${what} with an alert`, async () => {
      const { code, text } = await talk("rsa", "-tls1_2", "-cipher", cipher);
      assert.notEqual(code, 0);
      assert.match(text, /alert handshake failure/);
    });

  const acceptedSuites = ["AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"];
  for (const key of ["ecdsa", "rsa"])
    test(`speaks the suites of RFC 9325 with an ${key.toUpperCase()} key`, async () => {
      for (const suite of acceptedSuites) {
        const name = `ECDHE-${key.toUpperCase()}-${suite}`;
        const { text } = await talk(key, "-tls1_2", "-cipher", name);
        assert.match(text, new RegExp(`New, TLSv1\\.2, Cipher is ${name}\n`));
      }
      for (const suite of [
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
      ]) {
        const { text } = await talk(key, "-tls1_3", "-ciphersuites", suite);
        assert.match(text, new RegExp(`New, TLSv1\\.3, Cipher is ${suite}\n`));
      }
    });

  test("chooses the suite by its own order, not the client's", async () => {
    const { text } = await talk(
      "rsa",
      "-tls1_2",
      "-cipher",
      "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256",
    );
    assert.match(text, /Cipher is ECDHE-RSA-AES128-GCM-SHA256\n/);
  });

  const group = async (tls: ConnectionOptions) =>
    (await visit(program.port("ecdsa"), { tls: { ...trusting, ...tls } })).tls?.group;

  test("agrees on the post-quantum group X25519MLKEM768 when the client offers it", async () => {
    assert.equal(await group({ ecdhCurve: "X25519MLKEM768" }), "X25519MLKEM768");
    assert.equal(await group({ ecdhCurve: "X25519:X25519MLKEM768" }), "X25519MLKEM768");
    assert.equal(await group({}), "X25519MLKEM768");
  });

  test("speaks X25519, P-256 and P-384 with clients that know no better, and no other group", async () => {
    assert.equal(await group({ ecdhCurve: "X25519" }), "X25519");
    assert.equal(await group({ ecdhCurve: "P-256" }), "prime256v1");
    assert.equal(await group({ ecdhCurve: "P-384" }), "secp384r1");
    const { error } = await visit(program.port("ecdsa"), { tls: { ...trusting, ecdhCurve: "X448" } });
    assert.match(error ?? "", /ALERT_HANDSHAKE_FAILURE/);
  });

  test("refuses a renegotiation, which would let a client burn its CPU", async () => {
    const { text } = await sClient(program.port("ecdsa"), ["-tls1_2"], { say: "R\n", interactive: true });
    assert.match(text, /RENEGOTIATING/);
    assert.match(text, /no renegotiation/);
    assert.match(text, /Secure Renegotiation IS supported/);
  });

  test("does not compress", async () => {
    const { text } = await talk("ecdsa", "-tls1_2", "-comp");
    assert.match(text, /Compression: NONE/);
  });

  test("chooses the application protocol by its own order", async () => {
    const alpn = async (...offered: string[]) =>
      (await visit(program.port("ecdsa-alpn"), { tls: { ...trusting, ALPNProtocols: offered } })).tls?.alpn;
    assert.equal(await alpn("http/1.1", "h2"), "h2");
    assert.equal(await alpn("spdy/3", "http/1.1"), "http/1.1");
    const sessions = await program.sessions(2, "ecdsa-alpn");
    assert.deepEqual(
      sessions.map((session) => session.alpn),
      ["h2", "http/1.1"],
    );
  });

  test("ends the handshake with no_application_protocol when nothing offered is spoken", async () => {
    for (const version of ["-tls1_2", "-tls1_3"]) {
      const { code, text } = await talk("ecdsa-alpn", version, "-alpn", "spdy/3,h2c");
      assert.notEqual(code, 0);
      assert.match(text, /alert no application protocol/);
    }
  });

  test("answers with no application protocol when none was offered or none is configured", async () => {
    const { text: unasked } = await talk("ecdsa-alpn");
    assert.match(unasked, /No ALPN negotiated/);
    const { text: unconfigured } = await talk("ecdsa", "-alpn", "h2");
    assert.match(unconfigured, /No ALPN negotiated/);
  });

  test("says in the log why a handshake failed", async () => {
    const told = (pattern: RegExp) =>
      program.line(({ reason }) => pattern.test(String(reason)), String(pattern));
    await told(/^no cipher suite in common \(/);
    await told(/^no TLS version in common \(/);
    await told(/^no application protocol \(ALPN\) in common \(/);
  });
});
