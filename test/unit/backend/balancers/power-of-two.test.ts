// Two looks instead of one: what must be shown is that they are two, and that they are worth it.
import assert from "node:assert/strict";
import { describe, it, mock } from "node:test";
import { powerOfTwo } from "../../../../src/backend/balancers/power-of-two.ts";
import { random } from "../../../../src/backend/balancers/random.ts";
import type { Balancer } from "../../../../src/core/backend.ts";
import type { Plugin } from "../../../../src/core/plugin.ts";
import { seededRandom, sessionFrom, targetsOf } from "../../../support/balancing.ts";

describe("power-of-two", () => {
  it("draws two different targets and takes the one with fewer sessions", () => {
    const targets = targetsOf(1, 1, 1);
    for (const [index, target] of targets.entries()) target.active = index;
    // the first draw is of three, the second of the two others
    for (const [draws, expected] of [
      [[0.9, 0.0], 1],
      [[0.9, 0.9], 2],
      [[0.5, 0.9], 2],
      [[0.0, 0.9], 1],
    ] as const) {
      using _ = rolling(draws);
      assert.equal(powerOfTwo.create({}).pick(targets, sessionFrom()), targets[expected - 1], `${draws}`);
    }
  });

  it("takes the first drawn one of two with equally many", () => {
    const targets = targetsOf(1, 1, 1);
    for (const [draws, expected] of [
      [[0.9, 0.0], 3],
      [[0.5, 0.9], 2],
      [[0.0, 0.0], 1],
    ] as const) {
      using _ = rolling(draws);
      assert.equal(powerOfTwo.create({}).pick(targets, sessionFrom()), targets[expected - 1], `${draws}`);
    }
  });

  it("never takes the fullest of all", () => {
    using _ = seededRandom(1);
    const targets = targetsOf(1, 1, 1, 1);
    for (const [index, target] of targets.entries()) target.active = index;
    for (let count = 0; count < 1000; count++)
      assert.notEqual(powerOfTwo.create({}).pick(targets, sessionFrom()), targets[3]);
  });

  it("stays nearer to even than random when sessions last differently long", () => {
    const even = spread(powerOfTwo);
    const uneven = spread(random);
    assert.ok(even * 2 < uneven, `${even} and ${uneven}`);
  });
});

/** Most less fewest open sessions of ten targets, on average: of each ten sessions one stays, the others end soon. */
function spread(plugin: Plugin<Balancer>): number {
  using _ = seededRandom(7);
  const balancer = plugin.create({});
  const targets = targetsOf(...new Array<number>(10).fill(1));
  const short: (() => void)[] = [];
  let sum = 0;
  const rounds = 5000;
  for (let round = 0; round < rounds; round++) {
    const picked = balancer.pick(targets, sessionFrom());
    const target = targets.find((one) => one === picked);
    assert.ok(target);
    target.active++;
    if (round % 10 !== 0) short.push(() => target.active--);
    if (short.length > 50) short.shift()?.();
    const active = targets.map((one) => one.active);
    sum += Math.max(...active) - Math.min(...active);
  }
  return sum / rounds;
}

/** Math.random with these results. */
function rolling(results: readonly number[]): Disposable {
  let next = 0;
  const roll = mock.method(Math, "random", () => results[next++] ?? assert.fail("one draw too many"));
  return { [Symbol.dispose]: () => roll.mock.restore() };
}
