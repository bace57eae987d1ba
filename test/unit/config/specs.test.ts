// A spec is typed by hand and has no quotes and no keys: every colon could be the one that separates.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ConfigError, loadConfig } from "../../../src/config/load.ts";
import { plugins } from "../../../src/config/plugins.ts";
import { parseSpec } from "../../../src/config/specs.ts";
import { type Address, formatAddress } from "../../../src/core/address.ts";

const port = fc.integer({ min: 1, max: 65535 });
// a host name of digits alone would be a port
const host = fc.oneof(fc.ipV4(), fc.domain(), fc.constant("localhost"));
const v6 = fc.constantFrom("::1", "::", "2001:db8::7", "fe80::1%eth0");
const path = fc.stringMatching(/^\/[a-z0-9/._-]{1,40}$/);
const address: fc.Arbitrary<Address> = fc.oneof(
  fc.record({ kind: fc.constant("tcp" as const), host, port }),
  fc.record({ kind: fc.constant("tcp" as const), host: v6, port }),
  fc.record({ kind: fc.constant("unix" as const), path }),
);

function texts(spec: string) {
  const parsed = parseSpec(spec);
  return "message" in parsed
    ? parsed.message
    : [parsed.listen.text, ...parsed.targets.map((target) => target.text)];
}

describe("a tunnel on the command line", () => {
  it("is split where its listener ends, whatever the addresses are", () => {
    fc.assert(
      fc.property(address, fc.array(address, { minLength: 1, maxLength: 4 }), (listen, targets) => {
        const parts = [listen, ...targets].map(formatAddress);
        assert.deepEqual(texts(`${parts[0]}:${parts.slice(1).join(",")}`), parts);
      }),
    );
  });

  it("notes where each part stands", () => {
    fc.assert(
      fc.property(address, fc.array(address, { minLength: 1, maxLength: 4 }), (listen, targets) => {
        const text = `${formatAddress(listen)}:${targets.map(formatAddress).join(",")}`;
        const spec = parseSpec(text);
        assert.ok(!("message" in spec));
        for (const part of [spec.listen, ...spec.targets])
          assert.equal(text.slice(part.start, part.end), part.text);
      }),
    );
  });

  it("may name ports alone, of one digit too", () => {
    assert.deepEqual(texts("5:6"), ["5", "6"]);
    assert.deepEqual(texts("8080:80,81"), ["8080", "80", "81"]);
  });

  it("lends the port of its listener to a target that names only a host", () => {
    assert.deepEqual(texts("8080:db.example.com,[::1],10.0.0.1:9"), [
      "8080",
      "db.example.com:8080",
      "[::1]:8080",
      "10.0.0.1:9",
    ]);
    assert.deepEqual(texts("[::1]:443:db"), ["[::1]:443", "db:443"]);
    assert.match(String(texts("unix:/a:db")), /"db" has no port, and the listener has none to lend/);
    assert.match(String(texts("0:db")), /has none to lend/);
  });

  it("is either accepted or refused with a ConfigError that quotes it", () => {
    const piece = fc.constantFrom(
      "8080",
      "10.0.0.1",
      ":",
      ",",
      "[::1]",
      "unix:",
      "/a",
      "db",
      "::",
      "[",
      "]",
      " ",
      "\n",
      "é",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const spec = pieces.join("");
        try {
          const config = loadConfig({ specs: [spec] }, { env: {}, ...plugins });
          assert.equal(config.tunnels.length, 1);
        } catch (error) {
          assert.ok(error instanceof ConfigError, String(error));
          assert.equal(error.diagnostics[0]?.file, "command line");
        }
      }),
      { numRuns: 150 },
    );
  });
});
