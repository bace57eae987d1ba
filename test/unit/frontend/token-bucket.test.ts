// A rate that is a little off is a limit that an operator cannot plan with: measured, it must hold within 10 %.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { bandwidth } from "../../../src/frontend/bandwidth.ts";
import { TokenBucket } from "../../../src/frontend/token-bucket.ts";

describe("a token bucket", () => {
  it("gives its burst at once, and then its rate", () => {
    let now = 0;
    const bucket = new TokenBucket({ count: 100, per: 1000, burst: 20, now: () => now });
    const takeAll = () => {
      let taken = 0;
      while (bucket.take()) taken++;
      return taken;
    };
    assert.equal(takeAll(), 20);
    assert.equal(takeAll(), 0);
    let taken = 0;
    for (; now < 10_000; now += 7) taken += takeAll();
    assert.ok(Math.abs(taken - 1000) <= 10, `${taken} in 10 s`);
    now += 3_600_000;
    assert.equal(takeAll(), 20);
  });

  it("says how long to wait for the next token, and is right", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5000 }),
        fc.constantFrom(1000, 60_000),
        fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 50 }),
        (count, per, pauses) => {
          let now = 0;
          const bucket = new TokenBucket({ count, per, burst: 1, now: () => now });
          for (const pause of pauses) {
            now += pause;
            const wait = bucket.wait;
            assert.ok(wait <= Math.ceil(per / count));
            assert.equal(bucket.take(), wait === 0);
            now += bucket.wait;
            assert.ok(bucket.take());
          }
        },
      ),
    );
  });

  it("never gives more than its burst and rate allow, whenever it is asked", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 200 }), (pauses) => {
        let now = 0;
        let taken = 0;
        const bucket = new TokenBucket({ count: 50, per: 1000, burst: 5, now: () => now });
        for (const pause of pauses) {
          now += pause;
          if (bucket.take()) taken++;
          assert.ok(taken <= 5 + now / 20 + 1e-3);
        }
      }),
    );
  });
});

describe("bandwidth", () => {
  /** Bytes that `sessions` move in `seconds`, each in reads of `size`, waiting as it is told to. */
  const move = (
    limits: { tunnel: number; session: number },
    sessions: number,
    size: number,
    seconds = 10,
  ) => {
    let now = 0;
    const throttleOf = bandwidth({ ...limits, now: () => now });
    const flows = Array.from({ length: sessions }, () => ({ throttle: throttleOf?.(), at: 0, bytes: 0 }));
    for (; now < seconds * 1000; now++)
      for (const flow of flows)
        while (flow.at <= now) {
          flow.bytes += size;
          flow.at = now + (flow.throttle?.take(size) ?? seconds);
        }
    return flows.map(({ bytes }) => bytes);
  };
  const within = (measured: number, wanted: number) =>
    assert.ok(Math.abs(measured - wanted) <= wanted / 10, `${measured} instead of ${wanted}`);

  it("holds a session to its rate, whatever the size of its reads", () => {
    for (const size of [100, 1460, 65_536]) {
      const [bytes = 0] = move({ tunnel: 0, session: 1_000_000 }, 1, size);
      within(bytes, 10_000_000);
    }
  });

  it("holds a tunnel to its rate, and shares it out fairly", () => {
    const shares = move({ tunnel: 10_000_000, session: 0 }, 8, 16_384);
    within(
      shares.reduce((sum, bytes) => sum + bytes, 0),
      100_000_000,
    );
    for (const bytes of shares) within(bytes, 12_500_000);
  });

  it("applies the stricter of both", () => {
    for (const bytes of move({ tunnel: 10_000_000, session: 500_000 }, 4, 16_384)) within(bytes, 5_000_000);
  });

  it("is nothing at all without a limit", () => {
    assert.equal(bandwidth({ tunnel: 0, session: 0 }), undefined);
  });
});
