/** What is in a file that was named by mistake must be told in words that help whoever wanted the other kind. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { suite, test } from "node:test";
import { contentsOf, isCutOff, pemCertificates, type Wanted } from "../../../src/tls/pem.ts";
import { testAuthority } from "../../support/certificates.ts";

const root = testAuthority();
const { cert, key } = root.issue();
const block = (label: string) => `-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n`;
const der = (type: "pkcs1" | "pkcs8") =>
  generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey.export({ type, format: "der" });

suite("what is in a file", () => {
  const said: readonly (readonly [string | Buffer, Wanted, RegExp])[] = [
    ["", "key", /^it is empty$/],
    [key, "certificate", /^it holds a private key$/],
    [cert, "key", /^it holds a certificate$/],
    [block("TRUSTED CERTIFICATE"), "certificate", /settings of OpenSSL: "openssl x509 -in FILE"/],
    [block("PKCS7"), "certificate", /^it holds PKCS#7: "openssl pkcs7 -print_certs -in FILE"/],
    [block("OPENSSH PRIVATE KEY"), "key", /^it holds a key of OpenSSH: "ssh-keygen -p -m PKCS8 -f FILE"/],
    [block("RSA PUBLIC KEY"), "key", /^it holds a public key: name the private one/],
    [block("EC PARAMETERS"), "key", /^it holds parameters of a key: the key itself is missing$/],
    [der("pkcs1"), "key", /^it holds a private key in DER: "openssl pkey/],
    [der("pkcs8"), "certificate", /^it holds a private key in DER$/],
    [root.certificate.raw, "key", /^it holds a certificate in DER$/],
  ];
  for (const [content, wanted, words] of said)
    test(`is told to whoever wants a ${wanted}: ${words.source}`, () => {
      assert.match(contentsOf(Buffer.from(content), wanted) ?? "", words);
    });

  test("is not guessed at", () => {
    const unknown = ["hello", block("GREETING"), Buffer.of(0x30, 0x03, 1, 2, 3), Buffer.alloc(100, 0x30)];
    for (const content of unknown) assert.equal(contentsOf(Buffer.from(content), "key"), undefined);
  });

  test("is said of no file that is what was wanted, and damaged", () => {
    assert.equal(contentsOf(Buffer.from(block("CERTIFICATE")), "certificate"), undefined);
    assert.equal(contentsOf(Buffer.from(block("EC PRIVATE KEY")), "key"), undefined);
  });
});

test("a chain is cut off wherever it ends within a certificate, and nowhere else", () => {
  const chain = cert + root.cert;
  const end = cert.trimEnd().length;
  for (let length = 28; length < chain.trimEnd().length; length++) {
    const isBetween = length >= end && length < cert.length + "-----BEGIN CERTIFICATE-----".length;
    assert.equal(isCutOff(chain.slice(0, length)), !isBetween, `${length}`);
  }
  assert.equal(isCutOff(chain), false);
  assert.equal(pemCertificates(chain).length, 2);
  assert.equal(isCutOff("hello"), false);
});
