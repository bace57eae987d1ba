// Events come in pieces that end anywhere.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { EventStream } from "../../../src/protocol/event-stream.ts";

suite("server-sent events", () => {
  test("are the same wherever the pieces end", () => {
    const text =
      ': hello\n\nid: 1\nevent: a\ndata: {"a":1}\n\ndata:two\r\ndata: lines\r\n\r\n: still here\n\ndata: not over';
    for (let at = 0; at <= text.length; at++) {
      const stream = new EventStream();
      const events = [...stream.push(text.slice(0, at)), ...stream.push(text.slice(at))];
      assert.deepEqual(events, ['{"a":1}', "two\nlines"], `cut at ${at}`);
    }
  });

  test("without an end are given up", () => {
    const stream = new EventStream();
    assert.throws(() => {
      for (let i = 0; i < 100; i++) stream.push(`data: ${"x".repeat(100_000)}\n`);
    }, RangeError);
  });
});
