/** Whatever is wrong with the list, its certificates are refused: whoever can make a list disappear must not gain by it. */
import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { suite, test } from "node:test";
import { sequence, tagged, taggedBytes } from "../../../../src/pki/der.ts";
import { parseCrl } from "../../../../src/protocol/x509/crl.ts";
import { nameText } from "../../../../src/protocol/x509/name.ts";
import { type Certificate, openCertificate } from "../../../../src/tls/revocation/certificate.ts";
import { CrlCheck } from "../../../../src/tls/revocation/crl-check.ts";
import type { FiledCrl } from "../../../../src/tls/revocation/crl-files.ts";
import { type TestAuthority, type TestCertificate, testAuthority } from "../../../support/certificates.ts";
import { extension, oddCrl } from "../../../support/odd-crl.ts";

const hour = 3_600_000;
const from = (milliseconds: number) => new Date(Date.now() + milliseconds);
const authority = testAuthority("Issuer");
const leaf = authority.issue({ cn: "client" });
const other = authority.issue({ cn: "other" });

function filed(crl: string | Buffer): FiledCrl {
  const der = typeof crl === "string" ? Buffer.from(crl.replaceAll(/-----[^-]+-----/g, ""), "base64") : crl;
  const parsed = parseCrl(der);
  return { crl: parsed, source: "test.crl", issuer: nameText(parsed.issuer), digest: der.toString("hex") };
}

const open = ({ cert }: Pick<TestCertificate, "cert">): Certificate => openCertificate(cert);

function judge(
  crls: readonly (string | Buffer)[],
  { of = leaf, by = authority }: { of?: TestCertificate; by?: TestAuthority } = {},
) {
  return new CrlCheck(crls.map(filed)).judge(open(of), open(by));
}

suite("the judgement by CRLs", () => {
  for (const key of ["ecdsa", "rsa"] as const)
    test(`a certificate on the list of an ${key} authority is revoked, another one is not`, () => {
      const issuer = testAuthority("Issuer", { key });
      const [good, bad] = [issuer.issue(), issuer.issue()];
      const list = issuer.crl([{ ...bad, reason: "keyCompromise" }]);
      assert.equal(judge([list], { of: good, by: issuer }), undefined);
      const refusal = judge([list], { of: bad, by: issuer });
      assert.match(refusal?.reason ?? "", /^revoked on \S+Z \(keyCompromise\), says the CRL of CN=Issuer$/);
      assert.equal(refusal?.label, "revoked");
    });

  test("without a list of its issuer a certificate is refused", () => {
    assert.deepEqual(judge([]), { reason: "no CRL for issuer CN=Issuer", label: "crl" });
    assert.equal(judge([testAuthority("Somebody").crl([])])?.reason, "no CRL for issuer CN=Issuer");
  });

  test("a list that has run out refuses everybody, and is replaced by a newer one", () => {
    const stale = authority.crl([], { thisUpdate: from(-2 * hour), nextUpdate: from(-hour) });
    assert.match(judge([stale])?.reason ?? "", /^the CRL of CN=Issuer has expired on 20\S+Z$/);
    assert.equal(judge([stale, authority.crl([])]), undefined);
  });

  test("a list of the future is not used yet", () => {
    const future = authority.crl([], { thisUpdate: from(hour), nextUpdate: from(2 * hour) });
    assert.match(judge([future])?.reason ?? "", /is not valid before 20/);
    assert.equal(judge([future, authority.crl([])]), undefined);
    assert.equal(
      judge([authority.crl([], { thisUpdate: from(60_000) })]),
      undefined,
      "clocks differ a little",
    );
  });

  test("the newest list counts", () => {
    const before = authority.crl([leaf], { thisUpdate: from(-2 * hour) });
    const now = authority.crl([other], { thisUpdate: from(-hour) });
    for (const lists of [
      [before, now],
      [now, before],
    ]) {
      assert.equal(judge(lists), undefined);
      assert.equal(judge(lists, { of: other })?.label, "revoked");
    }
  });

  test("a list in the issuer's name that somebody else has signed is none", () => {
    const impostor = testAuthority("Issuer");
    assert.match(judge([impostor.crl([])])?.reason ?? "", /^the CRL of CN=Issuer has a wrong signature$/);
    // beside a good one it does no harm
    assert.equal(judge([impostor.crl([leaf], { thisUpdate: from(-60_000) }), authority.crl([])]), undefined);
    const rsa = testAuthority("Issuer", { key: "rsa" });
    assert.match(judge([rsa.crl([])])?.reason ?? "", /signed with another kind of key/);
  });

  test("a changed list is none", () => {
    const der = oddCrl(authority);
    der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1);
    assert.match(judge([der])?.reason ?? "", /wrong signature/);
  });

  test("an authority without the right to sign lists cannot", () => {
    const issuer = testAuthority("Issuer");
    const plain = issuer.issue({ ca: true, keyUsage: ["keyCertSign"] });
    const list = oddCrl({ ...issuer, certificate: plain.certificate }, { key: createPrivateKey(plain.key) });
    const refusal = new CrlCheck([filed(list)]).judge(
      open(leaf),
      openCertificate(new X509Certificate(plain.cert)),
    );
    assert.match(refusal?.reason ?? "", /must not sign CRLs/);
  });

  test("a list for authorities says nothing about users, and the other way round", () => {
    const only = (number: number) =>
      oddCrl(authority, {
        extensions: [
          extension("2.5.29.28", sequence(taggedBytes(number, Buffer.from([0xff]))), { critical: true }),
        ],
      });
    assert.equal(judge([only(1)]), undefined);
    assert.match(judge([only(2)])?.reason ?? "", /is about this kind of certificate/);
    const below = authority.intermediate("Below");
    const of = { ...below } as unknown as TestCertificate;
    assert.equal(judge([only(2)], { of }), undefined);
    assert.match(judge([only(1)], { of })?.reason ?? "", /is about this kind of certificate/);
  });

  test("a list for a distribution point is for the certificates that name it", () => {
    const url = "http://crl.test/1";
    const named = authority.issue({ crlUrl: url });
    const part = (name: string) => {
      const point = sequence(tagged(0, tagged(0, taggedBytes(6, Buffer.from(name)))));
      return oddCrl(authority, { extensions: [extension("2.5.29.28", point, { critical: true })] });
    };
    assert.equal(judge([part(url)], { of: named }), undefined);
    assert.match(judge([part("http://crl.test/2")], { of: named })?.reason ?? "", /is about this kind/);
    assert.match(judge([part(url)])?.reason ?? "", /is about this kind/);
  });
});
