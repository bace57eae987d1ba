// One port for several protocols: what a client begins with must be told apart by as few bytes as possible, since some wait
// for an answer after them, and TLS that is damaged must never pass for something else.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { readOpening } from "../../../src/protocol/first-bytes.ts";
import { realHello } from "../../support/client-hello.ts";

const hello = await realHello({ servername: "a.test", ALPNProtocols: ["h2"] });

const openings: readonly (readonly [bytes: string | Buffer, protocol: string])[] = [
  ["GET / HTTP/1.1\r\n", "http"],
  ["POST /x HTTP/1.0\r\n", "http"],
  ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http"],
  ["SSH-2.0-OpenSSH_9.7\r\n", "ssh"],
  [Buffer.from("0000000804d2162f", "hex"), "postgres"],
  [Buffer.from("0000000804d21630", "hex"), "postgres"],
  [Buffer.from("0000001004d2162e0000000000000000", "hex"), "postgres"],
  [Buffer.from("0000002300030000757365720061", "hex"), "postgres"],
  [Buffer.from("0000002300030002757365720061", "hex"), "postgres"],
  [Buffer.from("050100", "hex"), "socks"],
  [Buffer.from("0401", "hex"), "socks"],
  ["EHLO mail\r\n", "other"],
  ["GETTING", "other"],
  ["*1\r\n$4\r\nPING\r\n", "other"],
  [Buffer.from("15030100020228", "hex"), "other"],
  [Buffer.from("802e0103010015", "hex"), "other"],
  [Buffer.from("0000000804d21600", "hex"), "other"],
  ["\0", "other"],
];

describe("the opening of a client", () => {
  it("is told by its first bytes", () => {
    for (const [text, protocol] of openings.filter(([text]) => text !== "\0")) {
      const parsed = readOpening(Buffer.from(text as string, "latin1"));
      assert.ok(parsed.kind === "value", String(text));
      assert.deepEqual(parsed.value, { protocol }, String(text));
    }
    const parsed = readOpening(hello);
    const value = { protocol: "tls", serverName: "a.test", alpn: ["h2"] };
    assert.deepEqual(parsed, { kind: "value", value, length: hello.length });
  });

  it("is the same however it is cut", () => {
    for (const [text] of openings) {
      const whole = Buffer.from(text as string, "latin1");
      const result = readOpening(whole);
      for (let end = 0; end < whole.length; end++) {
        const begun = readOpening(whole.subarray(0, end));
        if (begun.kind === "more") assert.equal(begun.atLeast, end + 1);
        else assert.deepEqual(begun.kind === "value" && begun.value, result.kind === "value" && result.value);
      }
    }
  });

  it("of TLS that is not right is bad, whatever else a port serves", () => {
    assert.equal(readOpening(Buffer.from("1602", "hex")).kind, "bad");
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), (rest) => {
        const parsed = readOpening(Buffer.from([22, ...rest]));
        assert.ok(parsed.kind !== "value" || parsed.value.protocol === "tls");
      }),
      { numRuns: 2000, seed: 1 },
    );
  });

  it("of any bytes is told within as many as the longest signature has", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 40 }), (bytes) => {
        if (bytes[0] !== 22) assert.equal(readOpening(Buffer.from(bytes)).kind, "value");
      }),
      { numRuns: 20_000, seed: 1 },
    );
  });
});
