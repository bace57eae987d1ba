/**
 * An entry of `allow` opens the door, so it must fit what it says and nothing that only looks like it: other kinds of names,
 * longer paths, wildcards on the other side.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { AllowOptions } from "../../../src/tls/access-options.ts";
import { identify, spkiOf } from "../../../src/tls/peer.ts";
import { parsePin } from "../../../src/tls/pin.ts";
import { allowRules } from "../../../src/tls/rules.ts";
import { parseUriPattern } from "../../../src/tls/uri-pattern.ts";
import { type TestRequest, testAuthority } from "../../support/certificates.ts";

const authority = testAuthority();

function isLetIn(allow: AllowOptions, request: TestRequest): boolean {
  return allowRules(allow)(identify(authority.issue(request).certificate));
}

suite("allow", () => {
  const everything: TestRequest = {
    cn: "Alice",
    ou: "Engineering",
    sans: ["a.example.com", "192.0.2.7", "2001:db8::7", "spiffe://x/web/a", "alice@Example.com"],
  };
  const fitting: Readonly<Record<string, AllowOptions>> = {
    cn: { cn: ["Bob", "Alice"] },
    ou: { ou: ["Engineering"] },
    dns: { dns: ["A.example.COM"] },
    "dns, one label": { dns: ["*.example.com"] },
    ip: { ip: ["192.0.2.7/32"] },
    "ip, a network": { ip: ["2001:db8::/32"] },
    uri: { uri: ["spiffe://x/web/a"] },
    "uri, a segment": { uri: ["spiffe://x/*/a"] },
    "uri, the rest": { uri: ["spiffe://x/**"] },
    email: { email: ["alice@example.com"] },
    "one of several kinds": { cn: ["Bob"], email: ["alice@example.com"] },
  };
  for (const [what, allow] of Object.entries(fitting))
    test(`${what} fits`, () => assert.ok(isLetIn(allow, everything)));

  const others: Readonly<Record<string, AllowOptions>> = {
    "cn in another case": { cn: ["alice"] },
    "cn as a DNS name": { dns: ["Alice"] },
    "ou as cn": { cn: ["Engineering"] },
    "a DNS name as cn": { cn: ["a.example.com"] },
    "a wildcard for two labels": { dns: ["*.com"] },
    "a wildcard for no label": { dns: ["*.a.example.com"] },
    "an address as text": { dns: ["192.0.2.7"] },
    "another network": { ip: ["192.0.3.0/24"] },
    "a URI of another length": { uri: ["spiffe://x/web", "spiffe://x/web/a/b", "spiffe://x/*"] },
    "an e-mail address in another case before the @": { email: ["Alice@example.com"] },
    "another certificate": { fingerprint: [`sha256:${"0".repeat(64)}`], spki: [`sha256:${"0".repeat(64)}`] },
  };
  for (const [what, allow] of Object.entries(others))
    test(`${what} does not fit`, () => assert.ok(!isLetIn(allow, everything)));

  test("a wildcard in a certificate stands for nobody", () => {
    const request: TestRequest = { cn: "x", sans: ["*.example.com"] };
    assert.ok(!isLetIn({ dns: ["a.example.com"] }, request));
    assert.ok(isLetIn({ dns: ["*.example.com"] }, request));
    assert.ok(!isLetIn({ dns: ["*.example.com"] }, { cn: "x", sans: ["*.b.example.com"] }));
  });

  test("a SPIFFE ID counts only as the one URI", () => {
    const sans = ["spiffe://x/web", "https://example.com/a"];
    assert.ok(!isLetIn({ uri: ["spiffe://x/web"] }, { cn: "x", sans }));
    assert.ok(isLetIn({ uri: ["https://example.com/a"] }, { cn: "x", sans }));
  });

  test("a fingerprint is of one certificate, a key's of all for it", () => {
    const key = "rsa"; // the same key for every certificate of this process
    const [one, renewed] = [authority.issue({ cn: "x", key }), authority.issue({ cn: "x", key })];
    const { fingerprint } = identify(one.certificate);
    const spki = [spkiOf(one.certificate)];
    const fits = (allow: AllowOptions) =>
      [one, renewed].map((c) => allowRules(allow)(identify(c.certificate)));
    assert.deepEqual(fits({ fingerprint: [fingerprint] }), [true, false]);
    assert.deepEqual(fits({ spki }), [true, true]);
    assert.deepEqual(allowRules({}, spki)(identify(one.certificate)), true);
  });
});

suite("a URI pattern", () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ["spiffe://x/a", "spiffe://x/a", true],
    ["spiffe://x/a", "spiffe://x/A", false],
    ["spiffe://x/a", "spiffe://x/a/", false],
    ["spiffe://x/*", "spiffe://x/a", true],
    ["spiffe://x/*", "spiffe://x/", false],
    ["spiffe://x/*", "spiffe://x", false],
    ["spiffe://x/*", "spiffe://x/a/b", false],
    ["spiffe://x/*", "spiffe://x/..", false],
    ["spiffe://x/*/b", "spiffe://x/%2E%2e/b", false],
    ["spiffe://x/*", "spiffe://x/a?b", false],
    ["spiffe://x/*", "spiffe://x/a#b", false],
    ["spiffe://x/*", "spiffe://x/a%2fb", false],
    ["spiffe://x/**", "spiffe://x/a/b/c", true],
    ["spiffe://x/**", "spiffe://x", false],
    ["spiffe://x/**", "spiffe://x/", false],
    ["spiffe://x/**", "spiffe://xy/a", false],
    ["spiffe://x/**", "spiffe://x.evil/a", false],
    ["spiffe://x/a/**", "spiffe://x/a/../b", false],
    ["spiffe://x/a/**", "spiffe://x/a//b", false],
    ["spiffe://x/a/**", "spiffe://x/ab", false],
    ["urn:example:a", "urn:example:a", true],
    ["urn:example:a", "urn:example:b", false],
  ];
  for (const [pattern, uri, fits] of cases)
    test(`${pattern} ${fits ? "fits" : "does not fit"} ${uri}`, () => {
      assert.equal(parseUriPattern(pattern)(uri), fits);
    });

  for (const bad of [
    "",
    "example.org/x",
    "spiffe://*/x",
    "spiffe://**",
    "**",
    "spiffe://x/a*",
    "spiffe://x/**/b",
    "spiffe://x/a b",
  ])
    test(`${JSON.stringify(bad)} is none`, () => assert.throws(() => parseUriPattern(bad), RangeError));
});

test("a pin is read as it is written elsewhere, and has one form here", () => {
  const hex = "0a".repeat(32);
  const form = `sha256:${hex}`;
  const base64 = Buffer.from(hex, "hex").toString("base64");
  const colons = hex.toUpperCase().replace(/..(?!$)/g, "$&:");
  for (const text of [
    form,
    `SHA256:${hex.toUpperCase()}`,
    `sha256:${colons}`,
    `sha256:${base64}`,
    `sha256//${base64}`,
  ])
    assert.equal(parsePin(text), form);
  for (const text of ["", hex, "sha256:", `sha256:${hex}0`, `sha1:${hex}`, `sha256:${base64.slice(1)}`])
    assert.equal(parsePin(text), undefined);
});
