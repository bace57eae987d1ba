// A wrong suggestion is worse than none: it must be near, and among several the nearest.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { nearest, slips } from "../../../src/config/suggest.ts";

describe("did you mean", () => {
  it("counts a swap of neighbours as one slip", () => {
    assert.equal(slips("lsiten", "listen"), 1);
    assert.equal(slips("frontent", "frontend"), 1);
    assert.equal(slips("", "ab"), 2);
  });

  it("is symmetric, zero for equal words, and at most the length of the longer one", () => {
    const word = fc.stringMatching(/^[a-d]{0,6}$/);
    fc.assert(
      fc.property(word, word, (a, b) => {
        const distance = slips(a, b);
        assert.equal(distance, slips(b, a));
        assert.equal(distance === 0, a === b);
        if (Math.abs(a.length - b.length) <= 2) assert.ok(distance <= Math.max(a.length, b.length));
      }),
    );
  });

  it("prefers the nearest, accepts abbreviations, and keeps quiet about strangers", () => {
    const known = ["key", "cert", "client", "ciphers", "minVersion"];
    assert.equal(nearest("kye", known), "key");
    assert.equal(nearest("min", known), "minVersion");
    assert.equal(nearest("certificate", known), "cert");
    assert.equal(nearest("MINVERSION", known), "minVersion");
    assert.equal(nearest("zz", known), undefined);
    assert.equal(nearest("x", known), undefined);
    assert.equal(nearest("a".repeat(1_000_000), known), undefined);
  });
});
