import { z } from "zod";
import type { Balancer } from "../../core/backend.ts";
import { definePlugin } from "../../core/plugin.ts";
import { draw } from "./draw.ts";

/**
 * Draws two different targets and takes the one with fewer sessions for its weight, the first one if they are even.
 * Nearly as even as looking at all of them, and without the rush of all processes to the same one.
 */
export const powerOfTwo = definePlugin({
  name: "power-of-two",
  options: z.strictObject({}),
  create: (): Balancer => ({
    pick: (candidates) => {
      const first = draw(candidates);
      if (candidates.length === 1) return first;
      const second = draw(candidates, first);
      return second.active * first.weight < first.active * second.weight ? second : first;
    },
  }),
});
