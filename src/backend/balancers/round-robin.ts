import { z } from "zod";
import type { Balancer, Target } from "../../core/backend.ts";
import { definePlugin } from "../../core/plugin.ts";

/** In order from the first, each target for as many successive sessions as it has weight. */
export const roundRobin = definePlugin({
  name: "round-robin",
  options: z.strictObject({}),
  create: (): Balancer => new RoundRobin(),
});

class RoundRobin implements Balancer {
  /** The target whose turn it is, and how many sessions of its turn it has had. */
  #current: string | undefined;
  #index = -1;
  #served = 0;

  pick(candidates: readonly Target[]): Target {
    const at = candidates.findIndex((candidate) => candidate.key === this.#current);
    const current = candidates[at];
    if (current && this.#served < current.weight) {
      this.#served++;
      return current;
    }
    // a target that has left gives its turn to the one that took its place
    const next = (current ? at + 1 : Math.max(this.#index, 0)) % candidates.length;
    const target = candidates[next] as Target;
    this.#current = target.key;
    this.#index = next;
    this.#served = 1;
    return target;
  }
}
