// Equilibria deleted a target at 100 errors, for ever. Here it falls to next to nothing, and comes back by working again.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { errorWeighted } from "../../../../src/backend/balancers/error-weighted.ts";
import type { LiveTarget } from "../../../../src/backend/target.ts";
import {
  chiSquared,
  countsOf,
  picks,
  seededRandom,
  sessionFrom,
  targetsOf,
} from "../../../support/balancing.ts";

describe("error-weighted", () => {
  it("is uniform while nothing fails", () => {
    using _ = seededRandom(1);
    const counts = countsOf(picks(errorWeighted.create({}), targetsOf(1, 1, 1), 3000), 3);
    assert.ok(chiSquared(counts, [1, 1, 1]) < 13.8, `${counts}`);
  });

  it("exchanges a target with an error score of e in e % of the cases", () => {
    using _ = seededRandom(2);
    const targets = targetsOf(1, 1);
    fail(targets[0], 60);
    // half of the draws, of which 40 % stay
    const counts = countsOf(picks(errorWeighted.create({}), targets, 5000), 2);
    assert.ok(chiSquared(counts, [20, 80]) < 10.8, `${counts}`);
  });

  it("takes a failing target less and less, and again as it recovers", () => {
    using _ = seededRandom(3);
    const targets = targetsOf(1, 1, 1);
    let works = true;
    const share = () => {
      let taken = 0;
      for (let count = 0; count < 1000; count++) {
        const picked = errorWeighted.create({}).pick(targets, sessionFrom());
        const target = targets.find((one) => one === picked);
        if (target === targets[0]) taken++;
        if (target === targets[0] && !works) target?.failed();
        else target?.succeeded();
      }
      return taken / 1000;
    };
    const whole = share();
    works = false;
    share();
    const failing = share();
    works = true;
    for (let round = 0; round < 10; round++) share();
    const recovered = share();
    assert.ok(whole > 0.28 && failing < 0.03 && recovered > 0.28, `${whole} ${failing} ${recovered}`);
  });

  it("still tries a target with the highest score now and then", () => {
    using _ = seededRandom(4);
    const targets = targetsOf(1, 1);
    fail(targets[0], 1000);
    const [failing = 0] = countsOf(picks(errorWeighted.create({}), targets, 10_000), 2);
    assert.ok(failing > 20 && failing < 100, `${failing}`);
  });

  it("takes a failing target when there is no other", () => {
    const targets = targetsOf(1);
    fail(targets[0], 100);
    assert.deepEqual(picks(errorWeighted.create({}), targets, 5), [1, 1, 1, 1, 1]);
  });
});

function fail(target: LiveTarget | undefined, times: number): void {
  for (let count = 0; count < times; count++) target?.failed();
}
