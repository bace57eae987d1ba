/**
 * The certificate structure is written by hand around node-forge's ASN.1 encoder, so that ECDSA works. Whether others accept it
 * is for others to say: openssl in strict mode, its text dump, and a real TLS handshake.
 */
import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { suite, test } from "node:test";
import tls from "node:tls";
import { createAuthority, issueCertificate } from "../../../src/pki/dev-ca.ts";
import type { TestAuthority, TestCertificate } from "../../support/certificates.ts";
import { testAuthority, writeFiles } from "../../support/certificates.ts";
import { openssl } from "../../support/openssl.ts";

const day = 86_400_000;

function verify(ca: TestAuthority, leaf: { cert: string; chain?: string }, ...options: readonly string[]) {
  using files = writeFiles({
    "ca.pem": ca.cert,
    "chain.pem": leaf.chain ?? leaf.cert,
    "leaf.pem": leaf.cert,
  });
  const trust = ["-CAfile", files.path("ca.pem"), "-untrusted", files.path("chain.pem")];
  return openssl("verify", "-x509_strict", ...trust, ...options, files.path("leaf.pem"));
}

function dump({ cert }: { cert: string }): string {
  using files = writeFiles({ "leaf.pem": cert });
  return openssl("x509", "-noout", "-text", "-in", files.path("leaf.pem")).text;
}

async function handshake(server: tls.TlsOptions, client: tls.ConnectionOptions): Promise<string> {
  await using listener = tls.createServer(server, (socket) => socket.end("hello"));
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  const socket = tls.connect({ port, host: "127.0.0.1", ...client });
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  return text;
}

suite("issued certificates", () => {
  for (const authorityKey of ["ecdsa", "rsa"] as const)
    for (const key of ["ecdsa", "rsa", "rsa-3072"] as const)
      test(`openssl accepts an ${key} certificate from an ${authorityKey} authority`, () => {
        const ca = testAuthority("Root", { key: authorityKey });
        const leaf = ca.issue({ key });
        const { ok, text } = verify(ca, leaf);
        assert.ok(ok, text);
        assert.match(dump(leaf), key === "ecdsa" ? /NIST CURVE: P-256/ : /\((2048|3072) bit\)/);
        assert.match(
          dump(leaf),
          authorityKey === "ecdsa" ? /Algorithm: ecdsa-with-SHA256/ : /Algorithm: sha256WithRSAEncryption/,
        );
      });

  test("a server presents one and a client checks the chain and the name", async () => {
    const ca = testAuthority();
    const leaf = ca.intermediate().issue({ cn: "db.example.com" });
    const client = { ca: ca.cert, servername: "db.example.com" };
    assert.equal(await handshake({ cert: leaf.chain, key: leaf.key }, client), "hello");
    const wrong = { ...client, servername: "other.example.com" };
    await assert.rejects(handshake({ cert: leaf.chain, key: leaf.key }, wrong), {
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
    });
  });

  test("all kinds of alternative names arrive unchanged", () => {
    const sans = ["a.example.com", "*.b.example.com", "192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"];
    const leaf = testAuthority().issue({ sans: [...sans, "spiffe://example.org/web", "alice@example.org"] });
    assert.match(
      dump(leaf),
      /DNS:a\.example\.com, DNS:\*\.b\.example\.com, IP Address:192\.0\.2\.7, IP Address:2001:DB8:0:0:0:0:0:7, IP Address:0:0:0:0:0:FFFF:C000:207, URI:spiffe:\/\/example\.org\/web, email:alice@example\.org/,
    );
    assert.ok(leaf.certificate.checkIP("2001:db8::7"));
    assert.ok(leaf.certificate.checkHost("x.b.example.com"));
  });

  test("the subject holds organisation, unit and common name, in UTF-8", () => {
    const { certificate } = testAuthority().issue({ cn: "Zoë", o: "Équilibre", ou: "Ops" });
    assert.equal(certificate.subject, "O=Équilibre\nOU=Ops\nCN=Zoë");
  });

  test("without a subject the alternative names are critical", () => {
    const sans = [{ type: "dns", value: "only.example.com" }] as const;
    const { certificate } = issueCertificate(createAuthority(), { sans });
    assert.match(dump({ cert: certificate.toString() }), /Subject Alternative Name: critical/);
  });

  test("a certificate can have no alternative name at all", () => {
    const leaf = testAuthority().issue({ cn: "legacy.example.com", sans: [] });
    assert.equal(leaf.certificate.subjectAltName, undefined);
    assert.equal(leaf.certificate.checkHost("legacy.example.com", { subject: "never" }), undefined);
  });

  test("the usage decides for which end openssl accepts it", () => {
    const ca = testAuthority();
    const accepted = (leaf: TestCertificate) =>
      ["sslserver", "sslclient"].filter((purpose) => verify(ca, leaf, "-purpose", purpose).ok);
    assert.deepEqual(accepted(ca.issue({ usage: "server" })), ["sslserver"]);
    assert.deepEqual(accepted(ca.issue({ usage: "client" })), ["sslclient"]);
    assert.deepEqual(accepted(ca.issue({ usage: "both" })), ["sslserver", "sslclient"]);
    assert.deepEqual(accepted(ca.issue({ usage: "any" })), ["sslserver", "sslclient"]);
  });

  test("expired and not yet valid certificates can be made and are refused", () => {
    const ca = testAuthority();
    const past = { notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - day) };
    assert.match(verify(ca, ca.issue(past)).text, /certificate has expired/);
    assert.match(verify(ca, ca.issue({ notBefore: new Date(Date.now() + day) })).text, /not yet valid/);
    const expired = testAuthority("Expired", past);
    assert.match(
      verify(expired, expired.issue()).text,
      /error 10 at 1 depth lookup: certificate has expired/,
    );
  });

  test("dates from 2050 on are written as RFC 5280 wants them", () => {
    const ca = testAuthority("Long", { notAfter: new Date("2060-01-02T03:04:05Z") });
    assert.equal(ca.certificate.validTo, "Jan  2 03:04:05 2060 GMT");
    assert.ok(verify(ca, ca.issue({ notAfter: new Date("2050-01-01T00:00:00Z") })).ok);
  });

  test("the days of a certificate end with its authority", () => {
    const authority = createAuthority({ days: 10 });
    const { certificate } = issueCertificate(authority, { subject: { commonName: "x" }, days: 20 });
    assert.equal(certificate.validTo, authority.certificate.validTo);
  });

  test("openssl refuses a chain that is longer than the authority allows", () => {
    const ca = testAuthority("Root", { pathLength: 0 });
    assert.ok(verify(ca, ca.issue()).ok);
    assert.match(verify(ca, ca.intermediate().issue()).text, /path length constraint exceeded/);
  });

  test("openssl refuses what a certificate that is no authority has issued", () => {
    const root = createAuthority();
    const impostor = issueCertificate(root, {
      subject: { commonName: "impostor" },
      keyUsage: ["keyCertSign"],
    });
    const leaf = issueCertificate(impostor, { subject: { commonName: "victim" } }).certificate.toString();
    const chain = leaf + impostor.certificate.toString();
    const ca = { ...testAuthority(), cert: root.certificate.toString() };
    assert.match(verify(ca, { cert: leaf, chain }).text, /invalid CA certificate/);
  });

  test("one that may not sign certificates cannot issue any", () => {
    const leaf = issueCertificate(createAuthority(), { subject: { commonName: "leaf" } });
    assert.throws(() => issueCertificate(leaf, {}), /"CN=leaf" may not issue certificates/);
  });

  test("the OCSP responder and the CRL are named in it", () => {
    const text = dump(
      testAuthority().issue({ ocspUrl: "http://ocsp.test/", crlUrl: "http://crl.test/ca.crl" }),
    );
    assert.match(text, /OCSP - URI:http:\/\/ocsp\.test\//);
    assert.match(text, /CRL Distribution Points:.*URI:http:\/\/crl\.test\/ca\.crl/s);
  });

  test("serial numbers are positive, 16 bytes long and never the same", () => {
    const ca = testAuthority();
    const serials = Array.from({ length: 50 }, () => ca.issue().certificate.serialNumber);
    assert.equal(new Set(serials).size, 50);
    for (const serial of serials) assert.match(serial, /^[4-7][0-9A-F]{31}$/);
  });

  test("a passphrase encrypts the key with AES-256", () => {
    const { key } = testAuthority().issue({ passphrase: "correct horse" });
    assert.match(key, /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    using files = writeFiles({ "leaf.key": key });
    assert.match(openssl("asn1parse", "-in", files.path("leaf.key")).text, /aes-256-cbc/);
    assert.ok(openssl("pkey", "-noout", "-passin", "pass:correct horse", "-in", files.path("leaf.key")).ok);
    assert.ok(!openssl("pkey", "-noout", "-passin", "pass:wrong", "-in", files.path("leaf.key")).ok);
  });

  test("a certificate of an authority made elsewhere is issued from with its name and key identifier", () => {
    using files = writeFiles({});
    const [keyFile, certFile] = [files.path("ca.key"), files.path("ca.pem")];
    const subject = "/C=DE/ST=Somewhere/O=Elsewhere, Inc./CN=Foreign CA";
    const made = openssl(
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-days", "9"],
      ...[
        "-subj",
        subject,
        "-addext",
        "subjectKeyIdentifier=0102030405",
        "-addext",
        "authorityKeyIdentifier=none",
        "-addext",
        "keyUsage=critical,keyCertSign",
        "-keyout",
        keyFile,
        "-out",
        certFile,
      ],
    );
    assert.ok(made.ok, made.text);
    const foreign = openssl("x509", "-in", certFile).text;
    const key = openssl("pkey", "-in", keyFile).text;
    const issuer = readPair(foreign, key);
    const { certificate } = issueCertificate(issuer, { subject: { commonName: "leaf" } });
    const { ok, text } = verify({ ...testAuthority(), cert: foreign }, { cert: certificate.toString() });
    assert.ok(ok, text);
    assert.match(dump({ cert: certificate.toString() }), /Authority Key Identifier:\s+01:02:03:04:05/);
  });

  test("names and dates that make no sense are refused", () => {
    const ca = createAuthority();
    assert.throws(() => issueCertificate(ca, { subject: { commonName: "x".repeat(65) } }), /1 to 64/);
    assert.throws(() => issueCertificate(ca, { notAfter: new Date(0) }), /before it begins/);
    assert.throws(() => issueCertificate(ca, { notAfter: new Date(Number.NaN) }), /no date/);
  });
});

function readPair(certificatePem: string, pem: string) {
  const certificate = new X509Certificate(certificatePem);
  return { certificate, key: createPrivateKey(pem) };
}
