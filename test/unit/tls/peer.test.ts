/**
 * The verdict on a client's certificate. `authorized` alone has been wrong before: on resumed TLS 1.3 sessions without a certificate
 * Node said true. Whoever is let in must have shown a certificate, and it must have been verified.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { identify, spkiOf, verificationOf } from "../../../src/tls/peer.ts";
import { testAuthority } from "../../support/certificates.ts";

const { certificate } = testAuthority().issue({ cn: "client", o: "Example" });

describe("the verification of a certificate", () => {
  for (const authorized of [true, false])
    it(`is none without a certificate, whatever Node thinks of it (authorized: ${authorized})`, () => {
      const verification = verificationOf({ certificate: undefined, authorized, error: undefined });
      assert.deepEqual(verification, { result: "none" });
    });

  it("is that of OpenSSL's with one", () => {
    assert.deepEqual(verificationOf({ certificate, authorized: true, error: null }), { result: "verified" });
    for (const error of ["CERT_HAS_EXPIRED", Object.assign(new Error("x"), { code: "CERT_HAS_EXPIRED" })])
      assert.deepEqual(verificationOf({ certificate, authorized: false, error }), {
        result: "failed",
        reason: "the certificate has expired (CERT_HAS_EXPIRED)",
        label: "CERT_HAS_EXPIRED",
      });
  });

  it("has failed when Node gives no reason, or one that is unknown", () => {
    const input = { certificate, authorized: false } as const;
    for (const error of [null, undefined, new Error("no code")])
      assert.partialDeepStrictEqual(verificationOf({ ...input, error }), {
        result: "failed",
        reason: "not authorized",
        label: "other",
      });
    assert.partialDeepStrictEqual(verificationOf({ ...input, error: "NEW_CODE" }), {
      reason: "NEW_CODE",
      label: "other",
    });
  });
});

describe("an identity", () => {
  it("is the subject in one line and the fingerprint", () => {
    const fingerprint = `sha256:${createHash("sha256").update(certificate.raw).digest("hex")}`;
    assert.partialDeepStrictEqual(identify(certificate), {
      subject: "O=Example, CN=client",
      fingerprint,
      verified: false,
    });
  });

  it("has the pin that OpenSSL computes, for each kind of key", () => {
    for (const key of ["ecdsa", "rsa"] as const) {
      const { certificate: one } = testAuthority().issue({ cn: "client", key });
      const info = one.publicKey.export({ type: "spki", format: "der" });
      const pin = `sha256:${createHash("sha256").update(info).digest("hex")}`;
      assert.deepEqual([identify(one).spki, spkiOf(one)], [pin, pin]);
    }
  });
});
