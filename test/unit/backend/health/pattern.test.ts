// A pattern is the operator's, what it is held against is the target's: no answer may hold up the whole program.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compilePattern, excerpt, pattern } from "../../../../src/backend/health/pattern.ts";

const matches = (text: string, answer: string) => compilePattern(text)()(Buffer.from(answer));

describe("a pattern", () => {
  it("is plain text, or an expression between slashes", () => {
    assert.ok(matches("+PONG", "+PONG\r\n"));
    assert.ok(matches("a.b", "a.b") && !matches("a.b", "axb"));
    assert.ok(matches("/a.b/", "axb") && !matches("/a.b/", "AXB"));
    assert.ok(matches("/^220 .*smtp/im", "banner\r\n220 host ESMTP\r\n"));
    assert.ok(matches("/usr", "in /usr/bin"));
    assert.ok(matches("größer", "1 ist größer") && matches("/größ.r/u", "1 ist größer"));
  });

  it("is refused when it is no expression, and with flags that keep a state", () => {
    const said = (text: string) => pattern().safeParse(text).error?.issues[0]?.message;
    assert.match(said("/(/") ?? "", /^not a regular expression: .*Unterminated group/);
    assert.match(said("/a/g") ?? "", /of "g" only the flags i, m, s, u and v exist here/);
    assert.match(said("/usr/bin") ?? "", /of "bin" only the flags/);
  });

  it("that would look for ever is ended, and may then be used again", () => {
    const make = compilePattern("/^(a+)+$/");
    assert.throws(() => make()(Buffer.from(`${"a".repeat(60)}!`)), {
      message: "/^(a+)+$/ takes too long on this answer",
    });
    assert.ok(make()(Buffer.from("aaaa")));
  });

  it("has one limit for all the pieces of an answer", () => {
    const matcher = compilePattern("/^(a+)+$/")();
    const slow = Buffer.from(`${"a".repeat(60)}!`);
    assert.throws(() => matcher(slow), /too long/);
    const started = performance.now();
    for (let piece = 0; piece < 20; piece++) assert.throws(() => matcher(slow), /too long/);
    assert.ok(performance.now() - started < 20 * 100, "each piece had a limit of its own");
  });
});

describe("an excerpt", () => {
  it("is short, and shows what is not text", () => {
    assert.equal(excerpt(Buffer.from("\0 ok\r\n")), '"\\u0000 ok\\r\\n"');
    assert.equal(excerpt(Buffer.from("x".repeat(61))), `"${"x".repeat(60)}"…`);
  });
});
