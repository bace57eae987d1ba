// Drawn by chance, so judged by the distribution; with a repeatable Math.random, so never wrong by chance.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { random } from "../../../../src/backend/balancers/random.ts";
import { chiSquared, countsOf, picks, seededRandom, targetsOf } from "../../../support/balancing.ts";

// exceeded once in a thousand fair draws, with one degree of freedom less than there are targets
const limit3 = 13.8;
const limit4 = 16.3;

describe("random", () => {
  it("is uniform over equal targets", () => {
    using _ = seededRandom(1);
    const counts = countsOf(picks(random.create({}), targetsOf(1, 1, 1), 3000), 3);
    assert.ok(chiSquared(counts, [1, 1, 1]) < limit3, `${counts}`);
  });

  it("follows the weights", () => {
    using _ = seededRandom(2);
    const counts = countsOf(picks(random.create({}), targetsOf(1, 2, 3, 10), 3200), 4);
    assert.ok(chiSquared(counts, [1, 2, 3, 10]) < limit4, `${counts}`);
  });

  it("has no memory: a target follows itself as often as any other", () => {
    using _ = seededRandom(3);
    const positions = picks(random.create({}), targetsOf(1, 1, 1), 3001);
    const repeated = positions.slice(1).filter((position, index) => position === positions[index]).length;
    assert.ok(chiSquared([repeated, 3000 - repeated], [1, 2]) < 10.8, `${repeated}`);
  });
});
