// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are what is tested
// Substitution happens after parsing: a value from outside can be wrong, but it can never become structure.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { readDocument } from "../../../src/config/document.ts";
import { resolvePlain, substitute } from "../../../src/config/environment.ts";

describe("substitution from the environment", () => {
  const env = { HOST: "db", EMPTY: "", PORT: "80" };

  it("replaces names, and takes the default of what is unset or empty", () => {
    const cases = {
      "${HOST}:${PORT}": "db:80",
      "${NONE:-x}${EMPTY:-y}${HOST:-z}": "xydb",
      "${NONE:-}": "",
      "${EMPTY}": "",
      "${NONE:-a:-b}": "a:-b",
      "$HOST $ $$ {HOST}": "$HOST $ $$ {HOST}",
      "$${HOST} $${": "${HOST} ${",
      "$$${HOST}": "$${HOST}",
    };
    for (const [text, expected] of Object.entries(cases))
      assert.deepEqual(substitute(text, env), { text: expected, problems: [] }, text);
  });

  it("reports each name that is not set, and what is no substitution", () => {
    assert.equal(substitute("${A} ${B} ${1} ${} ${x", env).problems.length, 5);
    assert.equal(substitute("${toString} ${__proto__}", env).problems.length, 2);
  });

  it("never lets a value add or change structure", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (value) => {
        const text = "a: ${X}\nb: '${X}'\nc: [ \"${X}\" ]\n";
        const { data, faults } = readDocument("f", text, { X: value });
        assert.deepEqual(faults, []);
        assert.deepEqual({ ...(data as object) }, { a: resolvePlain(value), b: value, c: [value] });
        assert.ok(typeof resolvePlain(value) !== "object");
      }),
    );
  });

  it("does not substitute in keys, nor in what it has put in", () => {
    const { data } = readDocument("f", '"${A}": "${A}"\n', { A: "${B}", B: "b" });
    assert.deepEqual({ ...(data as object) }, { "${A}": "${B}" });
  });

  it("reads an unquoted value as the number or boolean that it looks like, a quoted one as text", () => {
    const text = 'a: ${N}\nb: "${N}"\nc: ${B}\nd: !!str ${N}\ne: |-\n  ${N}\n';
    const { data } = readDocument("f", text, { N: "0x10", B: "True" });
    assert.deepEqual({ ...(data as object) }, { a: 16, b: "0x10", c: true, d: "0x10", e: "0x10" });
  });
});
