// Exact, because it draws nothing: the fewest sessions for the weight, and among equals the first in the list.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { leastConnections } from "../../../../src/backend/balancers/least-connections.ts";
import { picks, seededRandom, sessionFrom, targetsOf } from "../../../support/balancing.ts";

const inOrder = () => leastConnections.create({ ties: "in-order" });

describe("least-connections", () => {
  it("fills equal targets evenly, in their order", () => {
    assert.deepEqual(picks(inOrder(), targetsOf(1, 1, 1), 6), [1, 2, 3, 1, 2, 3]);
  });

  it("takes the target that has lost sessions, not the one whose turn it would be", () => {
    const targets = targetsOf(1, 1, 1);
    const balancer = inOrder();
    picks(balancer, targets, 6);
    for (const target of targets.slice(2)) target.active -= 2;
    assert.deepEqual(picks(balancer, targets, 3), [3, 3, 1]);
  });

  it("compares sessions for their weight; ties still go to the first", () => {
    assert.deepEqual(picks(inOrder(), targetsOf(1, 3), 8), [1, 2, 2, 2, 1, 2, 2, 2]);
  });

  it("never has a target whose share is higher than another one's with a session more", () => {
    const weights = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(weights, fc.nat({ max: 200 }), (list, count) => {
        const targets = targetsOf(...list);
        picks(inOrder(), targets, count);
        const lowest = Math.min(...targets.map(({ active, weight }) => active / weight));
        for (const { active, weight } of targets) assert.ok((active - 1) / weight <= lowest);
      }),
    );
  });

  it("with shuffled ties takes the first of an order of its own, another one in another process", () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      using _ = seededRandom(seed);
      const targets = targetsOf(1, 1, 1);
      const balancer = leastConnections.create({ ties: "shuffled" });
      const order = picks(balancer, targets, 3);
      assert.deepEqual(order.toSorted(), [1, 2, 3]);
      assert.deepEqual(picks(balancer, targets, 3), order);
      orders.add(order.join());
    }
    assert.equal(orders.size, 6);
  });

  it("with shuffled ties still prefers the one with fewer sessions", () => {
    const targets = targetsOf(1, 1, 1);
    for (const [index, target] of targets.entries()) target.active = 3 - index;
    const balancer = leastConnections.create({ ties: "shuffled" });
    assert.equal(balancer.pick(targets, sessionFrom()), targets[2]);
  });
});
