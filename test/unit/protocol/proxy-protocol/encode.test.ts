// What we send is read by programs that are not ours: the bytes are those of the document, and our own reader agrees.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Address } from "../../../../src/core/address.ts";
import { parseProxyHeader } from "../../../../src/protocol/proxy-protocol/parse.ts";
import { formatV1 } from "../../../../src/protocol/proxy-protocol/v1.ts";
import { encodeV2 } from "../../../../src/protocol/proxy-protocol/v2.ts";

const tcp = (host: string, port: number): Address => ({ kind: "tcp", host, port });
const unix = (path: string): Address => ({ kind: "unix", path });
const v4 = { source: tcp("192.168.0.1", 56324), destination: tcp("192.168.0.11", 443) };
const v6 = { source: tcp("2001:db8::1", 1), destination: tcp("::1", 2) };
const mixed = { source: tcp("192.0.2.1", 1), destination: tcp("2001:db8::1", 2) };

describe("a header of version 1", () => {
  it("names both addresses in one family, or none", () => {
    assert.equal(`${formatV1(v4)}`, "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n");
    assert.equal(`${formatV1(v6)}`, "PROXY TCP6 2001:db8::1 ::1 1 2\r\n");
    assert.equal(`${formatV1(mixed)}`, "PROXY TCP6 ::ffff:c000:201 2001:db8::1 1 2\r\n");
    for (const unknown of [
      undefined,
      { source: unix("/a"), destination: unix("/b") },
      { source: unix(""), destination: tcp("::1", 2) },
      { source: tcp("192.0.2.1", 1), destination: tcp("localhost", 2) },
    ])
      assert.equal(`${formatV1(unknown)}`, "PROXY UNKNOWN\r\n");
  });
});

describe("a header of version 2", () => {
  const signature = "0d0a0d0a000d0a515549540a";
  const hex = (options: Parameters<typeof encodeV2>[0]) => encodeV2(options).toString("hex");

  it("has the bytes of the document", () => {
    assert.equal(hex({ endpoints: v4 }), `${signature}2111000cc0a80001c0a8000bdc0401bb`);
    assert.equal(
      hex({ endpoints: v6 }),
      `${signature}2121002420010db8${"0".repeat(23)}1${"0".repeat(31)}100010002`,
    );
    assert.ok(hex({ endpoints: mixed }).startsWith(`${signature}21210024${"0".repeat(20)}ffffc0000201`));
    const paths = encodeV2({ endpoints: { source: unix("/a"), destination: unix("/b") } });
    assert.equal(paths.length, 16 + 216);
    assert.ok(paths.toString("hex").startsWith(`${signature}213100d82f6100`));
  });

  it("is LOCAL and empty where there are no addresses to tell", () => {
    const local = `${signature}20000000`;
    assert.equal(hex({}), local);
    assert.equal(hex({ endpoints: { source: unix(""), destination: unix("/b") }, checksum: true }), local);
    assert.equal(hex({ endpoints: { source: tcp("nowhere", 1), destination: tcp("::1", 2) } }), local);
  });

  it("writes the TLVs as the document lays them out", () => {
    const tls = { version: "TLSv1.3", commonName: "app", cipher: undefined, resumed: false, verified: true };
    assert.ok(
      hex({ endpoints: v4, facts: { alpn: "h2", tls } }).endsWith(
        "010002683220001507000000002100" + "07544c5376312e33220003617070",
      ),
    );
  });

  it("is read back as it was meant", () => {
    const text = fc.stringMatching(/^[A-Za-z0-9_.-]{1,60}$/);
    const facts = fc.record(
      {
        alpn: text,
        authority: fc.domain().map((name) => name.toLowerCase()),
        uniqueId: fc.uint8Array({ minLength: 1, maxLength: 128 }).map((bytes) => Buffer.from(bytes)),
        tls: fc
          .record({
            version: text,
            cipher: text,
            commonName: text,
            signature: text,
            key: text,
            resumed: fc.boolean(),
          })
          .map((tls) => ({ ...tls, verified: true })),
      },
      { requiredKeys: [], noNullPrototype: true },
    );
    fc.assert(
      fc.property(facts, fc.constantFrom(v4, v6), fc.boolean(), (given, endpoints, checksum) => {
        const bytes = encodeV2({ endpoints, facts: given, checksum });
        const expected = { version: 2, command: "proxy", endpoints, facts: given };
        assert.deepEqual(parseProxyHeader(bytes), { kind: "value", length: bytes.length, value: expected });
      }),
      { numRuns: 300, seed: 2 },
    );
  });
});
