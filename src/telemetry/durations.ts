import type { Histogram } from "@prometheus-io/client";
import type { Counts, DurationCounts, DurationName } from "./counts.ts";

/** Network round trips and handshakes; in seconds. */
const shortBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const longBounds = [0.01, 0.1, 1, 10, 60, 600, 3600, 21_600, 86_400];

/** Upper bounds of the buckets in seconds, ascending; one more bucket has none. */
export const durationBounds: Readonly<Record<DurationName, readonly number[]>> = {
  session: longBounds,
  handshake: shortBounds,
  connect: shortBounds,
};

/**
 * Durations of one kind, of which one more costs an addition. The library's own histogram looks its labels up in a hash
 * each time, which was a sixth of the price of a short connection.
 */
export class Durations implements DurationCounts {
  readonly counts: number[];
  sum = 0;
  readonly #bounds: readonly number[];

  constructor(name: DurationName) {
    this.#bounds = durationBounds[name];
    this.counts = new Array<number>(this.#bounds.length + 1).fill(0);
  }

  observe(seconds: number): void {
    let index = 0;
    while (index < this.#bounds.length && seconds > (this.#bounds[index] ?? 0)) index++;
    this.counts[index] = (this.counts[index] ?? 0) + 1;
    this.sum += seconds;
  }
}

export interface DurationMetric {
  readonly duration: DurationName;
  /** The metric's. */
  readonly name: string;
  readonly help: string;
  counts(): Counts;
}

/** As the library's registry asks for it; it calls `get` alone. Tunnels without an observation are left out. */
export function durationMetric({ duration, name, help, counts }: DurationMetric): Histogram {
  const get = () => ({
    name,
    help,
    type: "histogram",
    aggregator: "sum",
    values: [...counts()].flatMap(([tunnel, { durations }]) => {
      const found = durations[duration];
      return found.counts.some((count) => count > 0)
        ? samples(found, { name, tunnel, bounds: durationBounds[duration] })
        : [];
    }),
  });
  return { name, get: async () => get() } as unknown as Histogram;
}

function samples(
  { counts, sum }: DurationCounts,
  {
    name,
    tunnel,
    bounds,
  }: { readonly name: string; readonly tunnel: string; readonly bounds: readonly number[] },
) {
  let total = 0;
  const buckets = counts.map((count, index) => {
    total += count;
    return { metricName: `${name}_bucket`, labels: { le: bounds[index] ?? "+Inf", tunnel }, value: total };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: { tunnel }, value: sum },
    { metricName: `${name}_count`, labels: { tunnel }, value: total },
  ];
}
