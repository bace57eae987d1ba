// Who may connect, and whose word is taken for the client's address, hangs on these lists. One IPv4 address has many
// spellings in IPv6, and each of them has been a way past somebody's list.
import assert from "node:assert/strict";
import { BlockList } from "node:net";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Address } from "../../../src/core/address.ts";
import { ipBytes, ipText } from "../../../src/core/ip-bytes.ts";
import { networkList, parseNetwork } from "../../../src/core/network.ts";

function tcp(host: string): Address {
  return { kind: "tcp", host, port: 1 };
}

const unix: Address = { kind: "unix", path: "" };

describe("a network", () => {
  it("has one canonical text", () => {
    const texts = {
      "10.0.0.0/8": "10.0.0.0/8",
      "10.1.2.3": "10.1.2.3/32",
      "0.0.0.0/0": "0.0.0.0/0",
      "2001:DB8:0:0::/32": "2001:db8::/32",
      "2001:db8::0001": "2001:db8::1/128",
      "::/0": "::/0",
      "::ffff:10.0.0.0/104": "10.0.0.0/8",
      "::ffff:10.1.2.3": "10.1.2.3/32",
      unix: "unix",
    };
    for (const [text, canonical] of Object.entries(texts)) {
      assert.equal(parseNetwork(text), canonical);
      assert.equal(parseNetwork(canonical), canonical);
    }
  });

  it("is refused with a remedy when it is none", () => {
    assert.throws(() => parseNetwork("10.1.2.3/8"), /write 10\.0\.0\.0\/8 or 10\.1\.2\.3$/);
    assert.throws(() => parseNetwork("2001:db8::1/32"), /write 2001:db8::\/32 or 2001:db8::1$/);
    for (const text of [
      "10.0.0.0/33",
      "10.0.0.0/",
      "10.0.0.0/-1",
      "10.0.0.0/8x",
      "::/129",
      "::ffff:0.0.0.0/95",
    ])
      assert.throws(() => parseNetwork(text), /prefix length is a number/, text);
    for (const text of ["", "10.0.0", "10.0.0.256", "010.0.0.1", "localhost", "fe80::1%eth0", "/8", "Unix"])
      assert.throws(() => parseNetwork(text), /is not a network/, text);
  });
});

describe("a list of networks", () => {
  const list = networkList(["10.0.0.0/8", "192.0.2.7", "2001:db8::/33"]);

  it("contains what is inside and nothing beside it", () => {
    for (const host of [
      "10.0.0.0",
      "10.255.255.255",
      "192.0.2.7",
      "2001:db8::",
      "2001:db8:7fff::1",
      "::ffff:10.1.2.3",
    ])
      assert.ok(list.contains(tcp(host)), host);
    for (const host of ["9.255.255.255", "11.0.0.0", "192.0.2.6", "2001:db8:8000::", "::ffff:11.0.0.0"])
      assert.ok(!list.contains(tcp(host)), host);
  });

  it("takes the zone of a link-local address for no part of it", () => {
    assert.ok(networkList(["fe80::/10"]).contains(tcp("fe80::1%eth0")));
  });

  it("keeps the families apart, and unix peers from both", () => {
    assert.ok(!networkList(["::/0"]).contains(tcp("10.0.0.1")));
    assert.ok(!networkList(["0.0.0.0/0"]).contains(tcp("2001:db8::1")));
    assert.ok(!networkList(["0.0.0.0/0", "::/0"]).contains(unix));
    assert.ok(networkList(["unix"]).contains(unix));
  });

  it("grants nothing to what is no address, and nothing to an address that only carries one of its own", () => {
    for (const host of [
      "",
      "zzz",
      "10.0.0",
      "10.0.0.1.",
      "2002:0a00:0001::",
      "64:ff9b::10.0.0.1",
      "::10.0.0.1",
    ])
      assert.ok(!list.contains(tcp(host)), host);
  });

  it("touches every form in which an address of its own can be written", () => {
    const forms = [
      "10.1.2.3",
      "::ffff:10.1.2.3",
      "::10.1.2.3",
      "64:ff9b::10.1.2.3",
      "2002:0a01:0203::1",
      "2001:0:1:2:3:4:f5fe:fdfc",
      "no address",
    ];
    for (const host of forms) assert.ok(list.touches(tcp(host)), host);
    for (const host of ["11.1.2.3", "::11.1.2.3", "64:ff9b::11.1.2.3", "2002:0b01:0203::1", "::1", "::"])
      assert.ok(!list.touches(tcp(host)), host);
    assert.ok(!networkList([]).touches(tcp("zzz")));
    assert.ok(!networkList(["0.0.0.0/8"]).touches(tcp("::1")));
  });

  it("agrees with Node's BlockList on any network and address", () => {
    const ip = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.constantFrom("0.0.0.0", "255.255.255.255", "::1", "::", "ffff::"),
    );
    fc.assert(
      fc.property(ip, ip, fc.nat(128), (base, host, length) => {
        const family = (text: string) => (text.includes(":") ? "ipv6" : "ipv4");
        const bytes = ipBytes(base);
        fc.pre(bytes !== undefined && (bytes.length === 4) === (family(base) === "ipv4"));
        const prefix = Math.min(length, 8 * (bytes?.length ?? 0));
        const blocks = new BlockList();
        blocks.addSubnet(base, prefix, family(base));
        fc.pre(ipBytes(host)?.length !== 4 || family(host) === "ipv4");
        const expected = family(base) === family(host) && blocks.check(host, family(host));
        assert.equal(networkList([`${base}/${prefix}`]).contains(tcp(host)), expected);
      }),
      { numRuns: 1000, seed: 29 },
    );
  });
});

describe("the bytes of an address", () => {
  it("turn into text and back", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.uint8Array({ minLength: 4, maxLength: 4 }),
        (v6, v4) => {
          assert.deepEqual(ipBytes(ipText(v6)), v6);
          assert.deepEqual(ipBytes(ipText(v4)), v4);
        },
      ),
      { numRuns: 500, seed: 4 },
    );
    const shortest = {
      "0:0:0:0:0:0:0:0": "::",
      "1:0:0:2:0:0:0:3": "1:0:0:2::3",
      "1:0:2:3:4:5:6:7": "1:0:2:3:4:5:6:7",
    };
    for (const [text, expected] of Object.entries(shortest))
      assert.equal(ipText(ipBytes(text) ?? new Uint8Array()), expected);
  });
});
