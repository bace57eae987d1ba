/** The file of pre-shared keys is stunnel's: what works there works here, and what is wrong in it is said without showing a key. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { parsePskKeys } from "../../../src/tls/psk.ts";

const hex = "000102030405060708090a0b0c0d0e0f";

suite("a file of pre-shared keys", () => {
  test("has a key for each identity, hexadecimal ones decoded", () => {
    const keys = parsePskKeys(
      `alice:${hex}\r\n\nbob smith:sixteen bytes or more: yes\ncarol:${hex.toUpperCase()}ff\n`,
    );
    assert.deepEqual([...keys.keys()], ["alice", "bob smith", "carol"]);
    assert.deepEqual(keys.get("alice"), Buffer.from(hex, "hex"));
    assert.deepEqual(keys.get("bob smith"), Buffer.from("sixteen bytes or more: yes"));
    assert.equal(keys.get("carol")?.length, 17);
  });

  test("takes an odd number of digits, or other letters, for a text", () => {
    const keys = parsePskKeys(`a:${hex}0\nb:${hex}zz`);
    assert.deepEqual([keys.get("a")?.length, keys.get("b")?.length], [33, 34]);
  });

  const bad: Readonly<Record<string, readonly [string, RegExp]>> = {
    "nothing in it": ["\n\n", /there is no IDENTITY:KEY/],
    "no colon": [`alice:${hex}\nno secret here`, /line 2: no IDENTITY:KEY/],
    "no identity": [`:${hex}`, /line 1: no IDENTITY:KEY/],
    "a short key": ["alice:fifteen bytes !", /line 1: the key has 15 bytes/],
    "a short hexadecimal key": [`alice:${hex.slice(2)}`, /line 1: the key has 15 bytes/],
    "no key": ["alice:", /line 1: the key has 0 bytes/],
    "a very long key": [`alice:${"x".repeat(257)}`, /line 1: the key has 257 bytes/],
    "a very long identity": [`${"x".repeat(129)}:${hex}`, /line 1: the identity has more than 128 bytes/],
    "an identity twice": [`alice:${hex}\nalice:${hex}`, /line 2: the identity is there already/],
  };
  for (const [what, [text, message]] of Object.entries(bad))
    test(`with ${what} is refused, and its secrets are not told`, () => {
      assert.throws(
        () => parsePskKeys(text),
        (error: unknown) => {
          assert.ok(error instanceof RangeError);
          assert.match(error.message, message);
          assert.ok(!/secret|fifteen|xxx|0001/.test(error.message), error.message);
          return true;
        },
      );
    });
});
