// HTTP and the line protocol share a socket: the first bytes must tell, however they are split.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { recognise } from "../../../src/admin/recognise.ts";

const cases: [string, ReturnType<typeof recognise>][] = [
  ["GET / HTTP/1.1\r\n", "http"],
  ["DELETE /api/v1/tunnels/x HTTP/1.0\n", "http"],
  ["GET", undefined],
  ["P", undefined],
  ["GET /status", undefined],
  ["status", "lines"],
  ["STATUS\n", "lines"],
  ["DEL 80\n", "lines"],
  ["delete /run/x.sock\n", "lines"],
  ["DELETE /run/x.sock\n", "lines"],
  ["DELETE /run/x.sock 10.0.0.1:80\r\n", "lines"],
  ["GETTING", "lines"],
  ["\u0016\u0003\u0001", "lines"],
  [`GET /${"x".repeat(9000)}`, "lines"],
];

describe("what is spoken on the control socket", () => {
  for (const [text, dialect] of cases)
    it(`${JSON.stringify(text.slice(0, 40))} is ${dialect ?? "not known yet"}`, () => {
      assert.equal(recognise(Buffer.from(text, "latin1")), dialect);
      // no prefix may have been judged otherwise
      for (let length = 1; length < Math.min(text.length, 60); length++) {
        const early = recognise(Buffer.from(text.slice(0, length), "latin1"));
        assert.ok(early === undefined || early === dialect, `${length}: ${early}`);
      }
    });
});
