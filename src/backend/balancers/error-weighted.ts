import { z } from "zod";
import type { Balancer } from "../../core/backend.ts";
import { definePlugin } from "../../core/plugin.ts";
import { draw } from "./draw.ts";

/** Percent. At 100 a target would never again be tried, and so could never lower its score. */
const highestChance = 99;

/**
 * Equilibria's own: a random target, but one with an error score of `e` is exchanged for another one in `e` % of the
 * cases. Every failed attempt raises the score by one, every successful one lowers it.
 */
export const errorWeighted = definePlugin({
  name: "error-weighted",
  options: z.strictObject({}),
  create: (): Balancer => ({
    pick: (candidates) => {
      const chosen = draw(candidates);
      if (chosen.errorScore === 0 || candidates.length === 1) return chosen;
      const chance = Math.min(chosen.errorScore, highestChance);
      return Math.random() * 100 < chance ? draw(candidates, chosen) : chosen;
    },
  }),
});
