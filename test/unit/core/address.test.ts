/** Addresses are read from files, printed in logs and used as keys: what is printed must read back as the same address. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Address, formatAddress, isHostName, parseAddress } from "../../../src/core/address.ts";

const port = fc.integer({ min: 0, max: 65_535 });
const label = fc.stringMatching(/^[a-z0-9_]([a-z0-9_-]{0,10}[a-z0-9_])?$/);
const host = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.ipV6().map((address) => `${address}%eth0`),
  fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join(".")),
);
const unixPath = fc
  .string({ minLength: 1, maxLength: 60, unit: "grapheme" })
  .filter((path) => !path.includes("\0") && Buffer.byteLength(path) <= 107);
const address: fc.Arbitrary<Address> = fc.oneof(
  fc.record({ kind: fc.constant("tcp"), host, port }, { noNullPrototype: true }),
  fc.record({ kind: fc.constant("unix"), path: unixPath }, { noNullPrototype: true }),
);

describe("an address", () => {
  it("is read back as it was written", () => {
    fc.assert(
      fc.property(address, (one) => assert.deepEqual(parseAddress(formatAddress(one), "default"), one)),
    );
  });

  it("given as a port has the default host", () => {
    fc.assert(
      fc.property(port, (number) => {
        const expected = { kind: "tcp", host: "127.0.0.1", port: number };
        assert.deepEqual(parseAddress(String(number), "127.0.0.1"), expected);
        assert.deepEqual(parseAddress(`:${number}`, "127.0.0.1"), expected);
      }),
    );
  });

  it("is either read or refused with a message that shows it, whatever the text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[[\]:.0-9a-f%/unix]{0,20}$/)), (text) => {
        try {
          const read = parseAddress(text, "localhost");
          assert.deepEqual(parseAddress(formatAddress(read), "localhost"), read);
        } catch (error) {
          assert.ok(error instanceof RangeError, String(error));
          assert.ok(error.message.includes(text) || error.message.includes("NUL"), error.message);
        }
      }),
    );
  });

  const wrong: Readonly<Record<string, RegExp>> = {
    "": /has no port/,
    host: /has no port, write host:PORT/,
    "host:": /the port is missing/,
    "host:65536": /"65536" is not a port \(0 to 65535\)/,
    "host:-1": /"-1" is not a port/,
    "host:1e3": /"1e3" is not a port/,
    "host:٣": /is not a port/,
    "::1:80": /in brackets, \[::1\]:PORT/,
    "[::1]": /write an IPv6 address|has no port|in brackets/,
    "[::g]:80": /"::g" is not an IPv6 address/,
    "[127.0.0.1]:80": /is not an IPv6 address/,
    "http://host:80": /no scheme and no path/,
    "ho st:80": /"ho st" is not a host name/,
    "-host:80": /"-host" is not a host name/,
    "a..b:80": /is not a host name/,
    "unix:": /has no path/,
    [`unix:/${"x".repeat(107)}`]: /at most 107 bytes/,
    [`unix:/${"é".repeat(54)}`]: /at most 107 bytes/,
    "unix:/a\0b": /no NUL byte/,
  };
  for (const [text, message] of Object.entries(wrong))
    it(`${JSON.stringify(text).slice(0, 40)} is refused with a remedy`, () => {
      assert.throws(() => parseAddress(text, "localhost"), { name: "RangeError", message });
    });
});

describe("a host name", () => {
  it("is made of labels, or is an address", () => {
    for (const good of ["a", "a.b", "xn--bcher-kva.example", "_srv._tcp.a", "A.B.", "127.0.0.1", "::1", "1"])
      assert.ok(isHostName(good), good);
    const long = `${"a".repeat(60)}.`.repeat(5);
    for (const bad of ["", ".", ".a", "a..b", "*.a", "a b", "a-", "-a", "bücher.example", "a/b", "a:b", long])
      assert.ok(!isHostName(bad), bad);
  });

  it("is judged quickly, however it is made", () => {
    const started = performance.now();
    isHostName(`${"a-".repeat(50_000)}!`);
    isHostName(`${"a.".repeat(120)}!`);
    assert.ok(performance.now() - started < 500);
  });
});
