import { z } from "zod";
import type { Balancer, Target } from "../../core/backend.ts";
import { definePlugin } from "../../core/plugin.ts";

/** The target with the fewest sessions for its weight. */
export const leastConnections = definePlugin({
  name: "least-connections",
  options: z.strictObject({
    ties: z.enum(["in-order", "shuffled"]).default("in-order").meta({
      description:
        "which of several equals: the first one, or the first in an order that each process draws for itself, so that many of them do not rush to the same target after a restart",
    }),
  }),
  create: ({ ties }): Balancer => {
    if (ties === "in-order") return { pick: (candidates) => fewest(candidates, () => false) };
    const ranks = new WeakMap<Target, number>();
    return {
      pick: (candidates) => fewest(candidates, (one, other) => rank(ranks, one) < rank(ranks, other)),
    };
  },
});

/** `goesBefore` decides between two that are even; without its word the earlier one stays. */
function fewest(candidates: readonly Target[], goesBefore: (one: Target, other: Target) => boolean): Target {
  return candidates.reduce((best, candidate) => {
    // active / weight, without the rounding
    const difference = candidate.active * best.weight - best.active * candidate.weight;
    return difference < 0 || (difference === 0 && goesBefore(candidate, best)) ? candidate : best;
  });
}

function rank(ranks: WeakMap<Target, number>, target: Target): number {
  const known = ranks.get(target);
  if (known !== undefined) return known;
  const drawn = Math.random();
  ranks.set(target, drawn);
  return drawn;
}
