import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { Roster } from "../../../src/core/roster.ts";

test("a roster has who was added and not deleted, in whatever order that was", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(7)), (moves) => {
      const roster = new Roster();
      const members = Array.from({ length: 8 }, () => ({ place: 0 }));
      const expected = new Set<(typeof members)[number]>();
      for (const move of moves) {
        const member = members[move] ?? { place: 0 };
        if (expected.delete(member)) roster.delete(member);
        else {
          expected.add(member);
          roster.add(member);
        }
        assert.equal(roster.size, expected.size);
        assert.deepEqual(new Set(roster.members()), expected);
      }
    }),
  );
});

test("who is asked for the members may delete them", () => {
  const roster = new Roster();
  for (let i = 0; i < 5; i++) roster.add({ place: 0 });
  for (const member of roster.members()) roster.delete(member);
  assert.equal(roster.size, 0);
});
