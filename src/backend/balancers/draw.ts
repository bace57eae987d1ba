import type { Target } from "../../core/backend.ts";

/** Draws one of the candidates, other than `except`, with a chance proportional to its weight. There must be one. */
export function draw(candidates: readonly Target[], except?: Target): Target {
  let rest = Math.random() * weightOf(candidates, except);
  let last: Target | undefined;
  for (const candidate of candidates) {
    if (candidate === except) continue;
    last = candidate;
    rest -= candidate.weight;
    if (rest < 0) break;
  }
  if (!last) throw new RangeError("nothing to draw from");
  // rounding may leave a hair's breadth after the last one
  return last;
}

function weightOf(candidates: readonly Target[], except: Target | undefined): number {
  let sum = 0;
  for (const candidate of candidates) if (candidate !== except) sum += candidate.weight;
  return sum;
}
