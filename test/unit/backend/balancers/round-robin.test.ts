// Turns are what people count on when they look at a log: the sequence is exact, and it starts with the first target.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { roundRobin } from "../../../../src/backend/balancers/round-robin.ts";
import { picks, sessionFrom, targetsOf } from "../../../support/balancing.ts";

describe("round-robin", () => {
  it("takes the targets in order, the first one first", () => {
    assert.deepEqual(picks(roundRobin.create({}), targetsOf(1, 1, 1), 7), [1, 2, 3, 1, 2, 3, 1]);
  });

  it("gives a target as many successive sessions as it has weight", () => {
    assert.deepEqual(picks(roundRobin.create({}), targetsOf(1, 2, 3), 7), [1, 2, 2, 3, 3, 3, 1]);
  });

  it("gives the turn of a target that has left to the one after it", () => {
    const [a, b, c] = targetsOf(1, 1, 1);
    assert.ok(a && b && c);
    const balancer = roundRobin.create({});
    const pick = (...candidates: (typeof a)[]) => balancer.pick(candidates, sessionFrom());
    assert.deepEqual([pick(a, b, c), pick(a, b, c)], [a, b]);
    assert.deepEqual([pick(a, c), pick(a, c)], [c, a]);
  });

  it("gives every target exactly its weight in each round, whatever the weights", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }), (weights) => {
        const round = weights.flatMap((weight, index) => new Array<number>(weight).fill(index + 1));
        const positions = picks(roundRobin.create({}), targetsOf(...weights), 2 * round.length);
        assert.deepEqual(positions, [...round, ...round]);
      }),
    );
  });
});
