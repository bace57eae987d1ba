/** Whether a certificate is for a name (RFC 9525), on real certificates: Node's own answer is too generous in two ways. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkName } from "../../../src/tls/originate.ts";
import { type TestRequest, testAuthority } from "../../support/certificates.ts";

const authority = testAuthority();
const check = (name: string | undefined, request: TestRequest) =>
  checkName(name, authority.issue(request).certificate.toLegacyObject());

describe("the name of a certificate", () => {
  const good: readonly (readonly [string, readonly string[]])[] = [
    ["db.example.com", ["db.example.com"]],
    ["DB.example.COM", ["db.example.com"]],
    ["db.example.com.", ["db.example.com"]],
    ["db.example.com", ["other.example.com", "db.example.com"]],
    ["db.example.com", ["*.example.com"]],
    ["192.0.2.1", ["192.0.2.1"]],
    ["2001:db8::1", ["2001:db8:0:0::1"]],
    ["db_1.internal", ["db_1.internal"]],
    ["xn--bcher-kva.example", ["xn--bcher-kva.example"]],
  ];
  for (const [name, sans] of good)
    it(`${name} is among ${sans}`, () => {
      assert.equal(check(name, { cn: "x", sans }), undefined);
    });

  const bad: readonly (readonly [string, readonly string[]])[] = [
    ["db.example.com", ["example.com"]],
    ["example.com", ["*.example.com"]],
    ["a.b.example.com", ["*.example.com"]],
    ["db.example.com", ["192.0.2.1"]],
    ["192.0.2.1", ["192.0.2.2"]],
    ["192.0.2.1", ["db.example.com"]],
    ["::ffff:192.0.2.1", ["192.0.2.1"]],
    ["db.example.com", ["https://db.example.com"]],
    ["db.example.com", ["root@db.example.com"]],
    ["db.example.com.evil.example", ["db.example.com"]],
    ["evil", ["*.example.com"]],
  ];
  for (const [name, sans] of bad)
    it(`${name} is not among ${sans}`, () => {
      assert.ok(check(name, { cn: "x", sans }) instanceof Error);
    });

  it("is never the common name", () => {
    assert.match(
      check("db.example.com", { cn: "db.example.com", sans: [] })?.message ?? "",
      /no subject alternative name/,
    );
    for (const sans of [["192.0.2.1"], ["root@db.example.com"], ["spiffe://example.org/db"]])
      assert.ok(check("db.example.com", { cn: "db.example.com", sans }) instanceof Error, String(sans));
  });

  it("has to be known", () => {
    assert.match(check(undefined, {})?.message ?? "", /set "serverName"/);
  });
});
