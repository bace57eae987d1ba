/**
 * Who has issued a certificate decides whose list counts. The peer brings candidates, as many as it likes and in any order, and must
 * gain nothing by it; after a resumption it brings none.
 */
import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { suite, test } from "node:test";
import { openCertificate } from "../../../../src/tls/revocation/certificate.ts";
import { Issuers } from "../../../../src/tls/revocation/issuers.ts";
import { type TestAuthority, testAuthority } from "../../../support/certificates.ts";

const root = testAuthority("Root");
const below = root.intermediate("Below");
const leaf = below.issue({ cn: "leaf" });

/** A peer's certificate with what it sent along, as `getPeerX509Certificate` has it after a full handshake. */
function sent(certificate: X509Certificate, ...along: readonly X509Certificate[]): X509Certificate {
  const [next, ...rest] = along;
  const copy = new X509Certificate(certificate.raw);
  Object.defineProperty(copy, "issuerCertificate", { value: next && sent(next, ...rest) });
  return copy;
}

const issuers = (...authorities: readonly Pick<TestAuthority, "cert">[]) =>
  new Issuers(authorities.map(({ cert }) => openCertificate(cert)));

const subjects = (chain: ReturnType<Issuers["chainOf"]>) => chain?.map(({ x509 }) => x509.subject);
const whole = ["CN=leaf", "CN=Below", "CN=Root"];

suite("the chain of a peer", () => {
  test("goes up to an authority that is trusted", () => {
    assert.deepEqual(subjects(issuers(root).chainOf(sent(leaf.certificate, below.certificate))), whole);
    assert.deepEqual(subjects(issuers(root, below).chainOf(sent(leaf.certificate))), whole);
    const direct = root.issue({ cn: "direct" });
    assert.deepEqual(subjects(issuers(root).chainOf(sent(direct.certificate))), ["CN=direct", "CN=Root"]);
  });

  test("is known again on a resumed session, which brings the certificate alone", () => {
    const known = issuers(root);
    assert.equal(known.chainOf(sent(leaf.certificate)), undefined);
    known.chainOf(sent(leaf.certificate, below.certificate));
    assert.deepEqual(subjects(known.chainOf(sent(leaf.certificate))), whole);
  });

  test("ends at once with a certificate that is trusted itself", () => {
    assert.equal(issuers(root, leaf).chainOf(sent(leaf.certificate))?.length, 1);
  });

  test("does not go over one that is no authority, or only bears the name", () => {
    const imposter = testAuthority("Below");
    assert.equal(issuers(root).chainOf(sent(leaf.certificate, imposter.certificate)), undefined);
    assert.deepEqual(
      subjects(issuers(root).chainOf(sent(leaf.certificate, imposter.certificate, below.certificate))),
      whole,
    );
    const user = root.issue({ cn: "user" });
    assert.equal(issuers(root).chainOf(sent(leaf.certificate, user.certificate)), undefined);
  });

  test("does not end at an authority that the peer has brought", () => {
    assert.equal(
      issuers(testAuthority("Root")).chainOf(sent(leaf.certificate, below.certificate, root.certificate)),
      undefined,
    );
  });

  test("finds the trusted one of two issuers with one key", () => {
    const key = createPrivateKey(below.key);
    const elsewhere = testAuthority("Elsewhere").intermediate("Below", { key });
    const peer = sent(leaf.certificate, elsewhere.certificate, below.certificate);
    assert.deepEqual(subjects(issuers(root).chainOf(peer)), whole);
  });

  test("takes a bounded effort, whatever the peer brings", () => {
    // ten with one name and key, each the issuer of each
    const key = createPrivateKey(below.key);
    const loop = Array.from({ length: 10 }, () => testAuthority("Below", { key }).certificate);
    const peer = sent(leaf.certificate, ...loop);
    assert.equal(issuers(root).chainOf(peer), undefined);
  });
});
