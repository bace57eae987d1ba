/**
 * A certificate with a name that no client can match fails far away from the mistake, so names are checked when they are given.
 * IPv6 addresses are written as bytes by our own code: node:net and OpenSSL must read the same address back.
 */
import assert from "node:assert/strict";
import { SocketAddress } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { parseSubjectAlternativeName } from "../../../src/pki/subject-alternative-name.ts";
import { testAuthority } from "../../support/certificates.ts";

test("the form of a name tells its kind", () => {
  const kinds = {
    localhost: "dns",
    "*.example.com": "dns",
    _service: "dns",
    "xn--bcher-kva.example": "dns",
    "127.0.0.1": "ip",
    "::1": "ip",
    "spiffe://example.org/ns/web": "uri",
    "https://example.org:8443/": "uri",
    "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6": "uri",
    "alice@example.org": "email",
  };
  for (const [value, type] of Object.entries(kinds))
    assert.deepEqual(parseSubjectAlternativeName(value), { type, value });
});

test("names that nobody can match are refused with the name in the message", () => {
  const wrong = ["", " ", "a b", "bücher.example", "a..b", ".a", "-a", "a-", "a.*.b", "w*.example.com", "*"];
  const more = [
    "256.0.0.1",
    "1.2.3",
    "fe80::1%eth0",
    "host:443",
    "spiffe://",
    "http://ü/",
    "@x",
    "a@",
    "a@b@c",
  ];
  for (const text of [...wrong, ...more, "a".repeat(64), `${"a.".repeat(127)}ab`, "a@*.b.c", "a\0b"])
    assert.throws(
      () => parseSubjectAlternativeName(text),
      (error) => error instanceof RangeError && error.message.startsWith(`"${text}" `),
    );
});

test("every IPv6 address is certified as itself", () => {
  const ca = testAuthority();
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      const { certificate } = ca.issue({ sans: [address] });
      const canonical = new SocketAddress({ address, family: "ipv6" }).address;
      assert.equal(certificate.checkIP(canonical), canonical);
    }),
    { numRuns: 200 },
  );
});
