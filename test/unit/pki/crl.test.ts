/**
 * Revocation is tested all over the project with lists from this writer; openssl checks here that they say what they should, since
 * a list that OpenSSL ignores would make every "revoked" test pass for the wrong reason.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { createCrl } from "../../../src/pki/crl.ts";
import { createAuthority } from "../../../src/pki/dev-ca.ts";
import type { TestAuthority } from "../../support/certificates.ts";
import { testAuthority, writeFiles } from "../../support/certificates.ts";
import { openssl } from "../../support/openssl.ts";

function verify(ca: TestAuthority, leaf: { cert: string }, crl: string) {
  using files = writeFiles({ "ca.pem": ca.cert, "crl.pem": crl, "leaf.pem": leaf.cert });
  const list = ["-crl_check", "-CRLfile", files.path("crl.pem")];
  return openssl("verify", "-x509_strict", "-CAfile", files.path("ca.pem"), ...list, files.path("leaf.pem"));
}

suite("certificate revocation lists", () => {
  for (const key of ["ecdsa", "rsa"] as const)
    test(`openssl refuses a certificate on a list of an ${key} authority and accepts the others`, () => {
      const ca = testAuthority("CA", { key });
      const [good, bad] = [ca.issue(), ca.issue()];
      const crl = ca.crl([bad]);
      assert.match(verify(ca, bad, crl).text, /certificate revoked/);
      const { ok, text } = verify(ca, good, crl);
      assert.ok(ok, text);
    });

  test("an empty list is a valid list", () => {
    const ca = testAuthority();
    const { ok, text } = verify(ca, ca.issue(), ca.crl([]));
    assert.ok(ok, text);
  });

  test("a list that has run out is no good any more", () => {
    const ca = testAuthority();
    const options = { thisUpdate: new Date("2020-01-01"), nextUpdate: new Date("2020-02-01") };
    assert.match(verify(ca, ca.issue(), ca.crl([], options)).text, /CRL has expired/);
  });

  test("a list of another authority is no good", () => {
    const [ca, other] = [testAuthority("Same name"), testAuthority("Same name")];
    assert.ok(!verify(ca, ca.issue(), other.crl([])).ok);
  });

  test("number, dates and serials can be read in it", () => {
    const crl = createCrl(createAuthority(), [{ serial: "ff01", date: new Date("2026-01-02T03:04:05Z") }], {
      number: 258,
      thisUpdate: new Date("2026-02-03T00:00:00Z"),
      nextUpdate: new Date("2051-02-03T00:00:00Z"),
    });
    using files = writeFiles({ "crl.pem": crl });
    const { text } = openssl("crl", "-noout", "-text", "-in", files.path("crl.pem"));
    assert.match(text, /CRL Number:\s+258/);
    assert.match(text, /Serial Number: FF01\s+Revocation Date: Jan {2}2 03:04:05 2026 GMT/);
    assert.match(text, /Last Update: Feb {2}3 00:00:00 2026 GMT\s+Next Update: Feb {2}3 00:00:00 2051 GMT/);
  });

  test("a serial number that is none is refused", () => {
    const date = new Date();
    assert.throws(
      () => createCrl(createAuthority(), [{ serial: "0x12", date }]),
      /"0x12" is not a hexadecimal/,
    );
  });
});
