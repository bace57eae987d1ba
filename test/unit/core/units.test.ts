/** A duration that is read wrongly is a timeout that comes too early or never: setTimeout takes 25 days for one millisecond. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { formatDuration, parseDuration, parseSize } from "../../../src/core/units.ts";

const longest = 24 * 86_400_000;

describe("a duration", () => {
  it("is read back as it was written", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: longest }), (milliseconds) => {
        assert.equal(parseDuration(formatDuration(milliseconds)), milliseconds);
      }),
    );
  });

  it("is written in units that count down, none twice", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: longest }), (milliseconds) => {
        assert.match(formatDuration(milliseconds), /^(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$/);
      }),
    );
  });

  const readings: Readonly<Record<string, number>> = {
    "0": 0,
    "0s": 0,
    "500ms": 500,
    "5s": 5000,
    "1m30s": 90_000,
    "1.5s": 1500,
    "0.25ms": 0,
    "12h": 43_200_000,
    "24d": longest,
    "90m": 5_400_000,
  };
  for (const [text, milliseconds] of Object.entries(readings))
    it(`${text} is ${milliseconds} ms`, () => {
      assert.equal(parseDuration(text), milliseconds);
    });

  for (const text of [
    "",
    "5",
    "-5s",
    "5 s",
    "5S",
    "s",
    "1e3s",
    "5sec",
    ".5s",
    "5.s",
    "1h 30m",
    "Infinity",
    "٣s",
    "5s\n",
  ])
    it(`${JSON.stringify(text)} is refused with examples`, () => {
      assert.throws(() => parseDuration(text), {
        name: "RangeError",
        message: /is not a duration, write for example 500ms/,
      });
    });

  it("is refused above what a timer can wait for", () => {
    for (const text of ["25d", "24d1ms", "99999999999999999999h", "9".repeat(400).concat("s")])
      assert.throws(() => parseDuration(text), {
        name: "RangeError",
        message: /longer than 24 days; 0 means never/,
      });
  });
});

describe("a size", () => {
  it("is a number with a binary multiple", () => {
    const units = { "": 1, k: 1024, M: 1024 ** 2, G: 1024 ** 3 } as const;
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom("", "k", "M", "G" as const), (count, unit) => {
        assert.equal(parseSize(`${count}${unit}`), count * units[unit]);
      }),
    );
  });

  for (const text of ["", "k", "-1", "1.5M", "1K", "1m", "1 k", "1kB", "1MiB", "0x10", "1e3", "1\n"])
    it(`${JSON.stringify(text)} is refused with examples`, () => {
      assert.throws(() => parseSize(text), {
        name: "RangeError",
        message: /is not a size, write for example 512, 64k/,
      });
    });
});
