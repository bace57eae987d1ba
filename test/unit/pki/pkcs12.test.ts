/**
 * node-forge writes PKCS#12 for RSA keys only, so this structure is ours too. Both readers that matter must open it: openssl, and
 * node:tls, which is what a `pfx:` in the configuration meets.
 */
import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { suite, test } from "node:test";
import { createSecureContext } from "node:tls";
import { createAuthority, issueCertificate } from "../../../src/pki/dev-ca.ts";
import { createPkcs12 } from "../../../src/pki/pkcs12.ts";
import { testAuthority, writeFiles } from "../../support/certificates.ts";
import { openssl } from "../../support/openssl.ts";

const passphrase = "pässword €";

suite("PKCS#12 files", () => {
  for (const key of ["ecdsa", "rsa"] as const)
    test(`openssl reads key, certificate and issuer of an ${key} file`, () => {
      const intermediate = testAuthority().intermediate("Middle");
      const leaf = intermediate.issue({ key });
      using files = writeFiles({ "leaf.p12": leaf.pfx(passphrase) });
      const read = (...options: readonly string[]) =>
        openssl(
          "pkcs12",
          "-in",
          files.path("leaf.p12"),
          "-passin",
          `pass:${passphrase}`,
          "-nodes",
          ...options,
        );
      const all = read("-info");
      assert.ok(all.ok, all.text);
      assert.match(all.text, /MAC: sha256/);
      assert.match(all.text, /PKCS7 Encrypted data: PBES2, PBKDF2, AES-256-CBC/);
      assert.match(all.text, /Shrouded Keybag: PBES2, PBKDF2, AES-256-CBC/);
      assert.ok(read("-nokeys", "-clcerts").text.includes(leaf.cert.trim()));
      assert.ok(read("-nokeys", "-cacerts").text.includes(intermediate.cert.trim()));
      assert.ok(createPrivateKey(read("-nocerts").text).equals(createPrivateKey(leaf.key)));
    });

  for (const key of ["ecdsa", "rsa"] as const)
    test(`node:tls opens an ${key} file with its passphrase and with no other`, () => {
      const pfx = testAuthority().issue({ key }).pfx(passphrase);
      assert.ok(createSecureContext({ pfx, passphrase }));
      assert.throws(() => createSecureContext({ pfx, passphrase: "wrong" }), /mac verify failure/);
    });

  test("the friendly name is shown", () => {
    const issued = issueCertificate(createAuthority(), { subject: { commonName: "x" } });
    const content = createPkcs12(issued, { passphrase: "secret", friendlyName: "Zoe's laptop" });
    using files = writeFiles({ "x.p12": content });
    const { text } = openssl("pkcs12", "-in", files.path("x.p12"), "-passin", "pass:secret", "-nodes");
    assert.match(text, /friendlyName: Zoe's laptop/);
  });

  test("an empty passphrase is refused, because readers disagree about it", () => {
    assert.throws(() => testAuthority().issue().pfx(""), /passphrase that is not empty/);
  });
});
