// A PROXY header decides whom the logs, limits and access rules take the client for. Whatever the document leaves no room
// for is refused, and nothing depends on how the bytes were cut on their way.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { crc32c } from "../../../../src/protocol/proxy-protocol/crc32c.ts";
import type { ProxyHeader } from "../../../../src/protocol/proxy-protocol/header.ts";
import { parseProxyHeader } from "../../../../src/protocol/proxy-protocol/parse.ts";
import {
  ipv4Block,
  ipv6Block,
  mutated,
  tlv,
  unixBlock,
  v1Headers,
  v1Line,
  v2Header,
  v2Headers,
} from "../../../support/proxy-header.ts";

const block = ipv4Block("192.0.2.1", "198.51.100.7", [56324, 443]);
const ones = "f".repeat(32);
const allOnes = Array(8).fill("ffff").join(":");

function parsed(bytes: Buffer): ProxyHeader {
  const result = parseProxyHeader(bytes);
  if (result.kind !== "value") assert.fail(`${result.kind}: ${bytes.toString("latin1")}`);
  assert.equal(result.length, bytes.length);
  return result.value;
}

function refused(bytes: Buffer): string {
  const result = parseProxyHeader(bytes);
  if (result.kind !== "bad") assert.fail(`${result.kind}: ${bytes.toString("latin1")}`);
  return result.reason;
}

/** `source -> destination` */
function route(bytes: Buffer): string {
  const { endpoints } = parsed(bytes);
  if (!endpoints) return "unchanged";
  const [from, to] = [endpoints.source, endpoints.destination].map((address) =>
    address.kind === "tcp" ? `${address.host} ${address.port}` : address.path,
  );
  return `${from} -> ${to}`;
}

describe("a header of version 1", () => {
  it("is read as in the document's examples, the longest ones too", () => {
    const examples = {
      "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443": "192.168.0.1 56324 -> 192.168.0.11 443",
      "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535":
        "255.255.255.255 65535 -> 255.255.255.255 65535",
      [`PROXY TCP6 ${allOnes} ${allOnes} 65535 65535`]: `${allOnes} 65535 -> ${allOnes} 65535`,
      "PROXY UNKNOWN": "unchanged",
      [`PROXY UNKNOWN ${allOnes} ${allOnes} 65535 65535`]: "unchanged",
      "PROXY TCP6 2001:DB8::1 ::1 0 1": "2001:db8::1 0 -> ::1 1",
      "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:c000:202 1 2": "192.0.2.1 1 -> 192.0.2.2 2",
    };
    for (const [line, expected] of Object.entries(examples)) assert.equal(route(v1Line(line)), expected);
    assert.equal(v1Line(`PROXY UNKNOWN ${allOnes} ${allOnes} 65535 65535`).length, 107);
  });

  it("is refused for anything that the document does not allow", () => {
    for (const line of [
      "PROXY TCP4 192.0.2.1 192.0.2.2 1",
      "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 ",
      "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3",
      "PROXY TCP4  192.0.2.1 192.0.2.2 1 2",
      "PROXY TCP4 192.0.2.1 192.0.2.2 1 65536",
      "PROXY TCP4 192.0.2.1 192.0.2.2 01 2",
      "PROXY TCP4 192.0.2.1 192.0.2.2 -1 2",
      "PROXY TCP4 192.0.2.1 192.0.2.2 1e3 2",
      "PROXY TCP4 192.0.2.1 192.0.2.2  2",
      "PROXY TCP4 192.0.2.01 192.0.2.2 1 2",
      "PROXY TCP4 192.0.2 192.0.2.2 1 2",
      "PROXY TCP4 ::1 ::1 1 2",
      "PROXY TCP4 ::ffff:192.0.2.1 ::ffff:192.0.2.1 1 2",
      "PROXY TCP6 192.0.2.1 192.0.2.2 1 2",
      "PROXY TCP6 fe80::1%eth0 ::1 1 2",
      "PROXY TCP6 1::2::3 ::1 1 2",
      "PROXY UDP4 192.0.2.1 192.0.2.2 1 2",
      "PROXY UNKNOWNS",
      "PROXY  UNKNOWN",
      "PROXY ",
      "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\rx",
      "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\nx",
      "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r",
      "PROXY TCP4 192.0.2.1\0 192.0.2.2 1 2",
    ])
      refused(v1Line(line));
  });

  it("ends within 107 bytes or never", () => {
    const long = Buffer.from(`PROXY UNKNOWN ${"x".repeat(200)}\r\n`);
    assert.equal(parseProxyHeader(long.subarray(0, 106)).kind, "more");
    assert.equal(parseProxyHeader(long.subarray(0, 107)).kind, "bad");
    refused(v1Line(`PROXY UNKNOWN ${"x".repeat(92)}`));
    parsed(v1Line(`PROXY UNKNOWN ${"x".repeat(91)}`));
  });
});

describe("a header of version 2", () => {
  it("is read over IPv4, IPv6 and unix sockets, of streams and datagrams", () => {
    for (const family of [0x11, 0x12])
      assert.equal(route(v2Header({ family, block })), "192.0.2.1 56324 -> 198.51.100.7 443");
    const v6 = ipv6Block(ones, `${"0".repeat(31)}1`, [65535, 1]);
    for (const family of [0x21, 0x22])
      assert.equal(route(v2Header({ family, block: v6 })), `${allOnes} 65535 -> ::1 1`);
    const mapped = ipv6Block(`${"0".repeat(20)}ffffc0000201`, `${"0".repeat(20)}ffffc0000202`, [1, 2]);
    assert.equal(route(v2Header({ family: 0x21, block: mapped })), "192.0.2.1 1 -> 192.0.2.2 2");
    const long = "/".padEnd(108, "x");
    for (const family of [0x31, 0x32])
      assert.equal(
        route(v2Header({ family, block: unixBlock("/run/a.sock", long) })),
        `/run/a.sock -> ${long}`,
      );
  });

  it("leaves the addresses in place when it is LOCAL, whatever else it says, and when it is UNSPEC", () => {
    const local = { versionCommand: 0x20 };
    for (const header of [
      v2Header({ ...local, family: 0 }),
      v2Header({ ...local, family: 0x11, block }),
      v2Header({ ...local, family: 0x11 }),
      v2Header({ ...local, family: 0xff, block: Buffer.from([1, 2, 3]) }),
      v2Header({ ...local, family: 0x21, tlvs: [tlv(3, "wrong"), Buffer.from([1])] }),
      v2Header({ family: 0 }),
    ])
      assert.equal(route(header), "unchanged");
    assert.equal(
      parsed(v2Header({ ...local, family: 0, tlvs: [tlv(2, "a.example")] })).facts.authority,
      undefined,
    );
    assert.equal(parsed(v2Header({ family: 0, tlvs: [tlv(2, "a.example")] })).facts.authority, "a.example");
  });

  it("is refused for an unknown version, command, family or transport", () => {
    for (const versionCommand of [0x00, 0x11, 0x22, 0x2f, 0x30, 0x31])
      refused(v2Header({ versionCommand, family: 0x11, block }));
    for (const family of [0x01, 0x02, 0x10, 0x13, 0x20, 0x30, 0x41, 0xf1, 0xff])
      refused(v2Header({ family, block: unixBlock("", "") }));
  });

  it("is refused when its length does not hold its addresses, or is beyond the limit", () => {
    refused(v2Header({ family: 0x11, block: block.subarray(1) }));
    refused(v2Header({ family: 0x21, block: Buffer.alloc(35) }));
    refused(v2Header({ family: 0x31, block: Buffer.alloc(215) }));
    refused(v2Header({ family: 0x11, block, length: 11 }));
    // told by the first 16 bytes: nobody has to send the rest
    refused(v2Header({ family: 0x11, length: 16 * 1024 - 15 }));
    assert.equal(parseProxyHeader(v2Header({ family: 0x11, length: 16 * 1024 - 16 })).kind, "more");
  });
});

describe("the TLVs of a header", () => {
  const withTlvs = (...tlvs: Buffer[]) => v2Header({ family: 0x11, block, tlvs });

  it("are read, and those of unknown types are skipped", () => {
    const ssl = Buffer.concat([
      Buffer.from([0x07, 0, 0, 0, 0]),
      tlv(0x21, "TLSv1.3"),
      tlv(0x22, "Jörg"),
      tlv(0x23, "TLS_AES_128_GCM_SHA256"),
      tlv(0x24, "SHA256"),
      tlv(0x25, "EC256"),
      tlv(0x2f, "?"),
    ]);
    const { facts } = parsed(
      withTlvs(
        tlv(0xea, "vpce-1"),
        tlv(0x04, "xxx"),
        tlv(0x01, "h2"),
        tlv(0x02, "Web.Example.COM."),
        tlv(0x05, Buffer.from([0, 255])),
        tlv(0x20, ssl),
        tlv(0xea, "vpce-2"),
      ),
    );
    assert.deepEqual(
      { ...facts, uniqueId: [...(facts.uniqueId ?? [])] },
      {
        alpn: "h2",
        authority: "web.example.com",
        uniqueId: [0, 255],
        tls: {
          version: "TLSv1.3",
          commonName: "Jörg",
          cipher: "TLS_AES_128_GCM_SHA256",
          signature: "SHA256",
          key: "EC256",
          resumed: false,
          verified: true,
        },
      },
    );
  });

  it("tell a certificate of an earlier connection, an unverified one and none apart", () => {
    const ssl = (bits: number, verify: number) => {
      const { tls } = parsed(withTlvs(tlv(0x20, Buffer.from([bits, 0, 0, 0, verify])))).facts;
      return tls && `${tls.resumed ? "resumed " : ""}${tls.verified ? "verified" : "unverified"}`;
    };
    assert.equal(ssl(0x07, 0), "verified");
    assert.equal(ssl(0x05, 0), "resumed verified");
    assert.equal(ssl(0x07, 1), "unverified");
    assert.equal(ssl(0x01, 0), "unverified");
    assert.equal(ssl(0x06, 0), undefined);
  });

  it("are refused when they reach beyond the header, are cut off, or are too long or too short", () => {
    for (const wrong of [
      Buffer.from([0xe0]),
      Buffer.from([0xe0, 0]),
      Buffer.from([0xe0, 0, 1]),
      Buffer.from([0xe0, 0xff, 0xff, 1]),
      tlv(0x01, ""),
      tlv(0x01, "x".repeat(256)),
      tlv(0x02, ""),
      tlv(0x02, `${"a.".repeat(127)}toolong`),
      tlv(0x02, "a b"),
      tlv(0x02, "a\0b"),
      tlv(0x03, "abc"),
      tlv(0x03, "abcde"),
      tlv(0x05, "x".repeat(129)),
      tlv(0x20, "1234"),
      tlv(0x20, Buffer.from([1, 0, 0, 0, 0, 0x21, 0, 9])),
    ])
      refused(withTlvs(wrong));
    parsed(withTlvs(tlv(0x05, "x".repeat(128)), tlv(0x01, "x".repeat(255))));
  });

  it("are refused when one that counts comes twice", () => {
    for (const type of [0x01, 0x02, 0x05]) refused(withTlvs(tlv(type, "a"), tlv(type, "a")));
    refused(withTlvs(tlv(0x20, Buffer.alloc(5)), tlv(0x20, Buffer.alloc(5))));
    const twice = [tlv(0x22, "alice"), tlv(0x22, "root")];
    refused(withTlvs(tlv(0x20, Buffer.concat([Buffer.from([7, 0, 0, 0, 0]), ...twice]))));
  });

  it("are refused with a wrong checksum, and what it covers is all of the header", () => {
    const header = withTlvs(tlv(0x02, "a.example"), tlv(0x03, Buffer.alloc(4)), tlv(0xe0, "more"));
    const at = header.length - 7 - 4;
    header.writeUInt32BE(crc32c(header), at);
    assert.equal(parsed(header).facts.authority, "a.example");
    for (let index = 16; index < header.length; index++) {
      const damaged = Buffer.from(header);
      damaged[index] = (damaged[index] ?? 0) ^ 1;
      refused(damaged);
    }
  });

  it("have the checksum of RFC 3720", () => {
    assert.equal(crc32c(Buffer.from("123456789")), 0xe306_9283);
    assert.equal(crc32c(Buffer.alloc(32)), 0x8a91_36aa);
    assert.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8_ab43);
    assert.equal(crc32c(Buffer.from(Array.from({ length: 32 }, (_, index) => index))), 0x46dd_794e);
  });
});

describe("any header", () => {
  const valid = fc.oneof(v1Headers, v2Headers);

  it("is read the same wherever it was cut, and what follows it is left alone", () => {
    fc.assert(
      fc.property(valid, fc.uint8Array({ maxLength: 20 }), (header, rest) => {
        for (let cut = 0; cut < header.length; cut++) {
          const result = parseProxyHeader(header.subarray(0, cut));
          if (result.kind !== "more") assert.fail(`${result.kind} after ${cut} bytes`);
          assert.ok(result.atLeast > cut && result.atLeast <= header.length, `${cut}: ${result.atLeast}`);
        }
        const whole = parseProxyHeader(header);
        assert.equal(whole.kind, "value");
        assert.deepEqual(parseProxyHeader(Buffer.concat([header, rest])), whole);
      }),
      { numRuns: 300, seed: 7 },
    );
  });

  it("is refused at the first byte that cannot begin one", () => {
    for (const other of [
      "GET / HTTP/1.1\r\n",
      "\x16\x03\x01",
      "\r\n\r\n\0\r\nQUIX",
      "PROXZ",
      "proxy ",
      "\r\n\r\n\r",
    ])
      refused(Buffer.from(other, "latin1"));
    for (const begun of ["", "P", "PROXY", "\r", "\r\n\r\n\0\r\nQUIT"])
      assert.equal(parseProxyHeader(Buffer.from(begun, "latin1")).kind, "more");
  });

  it("however damaged, is answered at once and never throws", () => {
    let slowest = 0;
    const seen = { more: 0, value: 0, bad: 0 };
    fc.assert(
      fc.property(mutated(mutated(valid)), (bytes) => {
        const before = process.threadCpuUsage();
        const result = parseProxyHeader(bytes);
        const { user, system } = process.threadCpuUsage(before);
        slowest = Math.max(slowest, user + system);
        seen[result.kind]++;
        if (result.kind === "value") assert.ok(result.length <= bytes.length);
        if (result.kind === "more") assert.ok(result.atLeast > bytes.length);
      }),
      { numRuns: 20_000, seed: 20_000 },
    );
    assert.ok(slowest < 50_000, `${slowest} microseconds of CPU`);
    // the damage must reach all ends
    for (const [kind, count] of Object.entries(seen)) assert.ok(count > 1000, `${kind}: ${count}`);
  });
});
