/** When the next answer is fetched: in time, not all at once, and not without end from a responder that has nothing new. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { OcspVerdict } from "../../../../src/tls/revocation/ocsp-verdict.ts";
import { refreshIn, retryIn } from "../../../../src/tls/revocation/stapler.ts";

const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];
const begin = Date.UTC(2026, 0, 1);
const lasting = (life: number): OcspVerdict => ({
  status: "good",
  thisUpdate: new Date(begin),
  until: new Date(begin + life),
});

suite("the time for the next OCSP answer", () => {
  test("is half of this one's life, give or take a tenth of that", () => {
    assert.equal(refreshIn(lasting(10 * hour), begin, 0.5), 5 * hour);
    assert.equal(refreshIn(lasting(10 * hour), begin, 0), 4.5 * hour);
    assert.equal(refreshIn(lasting(10 * hour), begin + hour, 1), 4.5 * hour);
  });

  test("is not at once when the responder gives an old answer again", () => {
    assert.equal(refreshIn(lasting(10 * day), begin + 6 * day, 0.5), day);
    assert.equal(refreshIn(lasting(1000), begin + 900, 0.5), 100);
  });

  test("after failures comes later and later, up to an hour, sooner when there is little time", () => {
    const steps = [1, 2, 3, 20, 1000].map((failures) => retryIn(failures, undefined, 0.5));
    assert.deepEqual(steps, [10_000, 20_000, 40_000, hour, hour]);
    assert.equal(retryIn(1, lasting(7 * day), 0.5), 10_000);
    assert.equal(retryIn(1, lasting(minute), 0.5), 6000);
    assert.equal(retryIn(1, lasting(3000), 0), 270);
  });
});
