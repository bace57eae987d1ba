import type { Group } from "./workloads.ts";

/** What one window of a contestant has yielded. */
export interface Sample {
  readonly round: number;
  /** In the unit of the workload. */
  readonly work: number;
  /** Length of the window. */
  readonly seconds: number;
  /** CPU time of the proxy's process tree in clock ticks; absent without a proxy. */
  readonly ticks?: number;
  readonly ticksPerSecond: number;
  /** Microseconds; 0 when nothing was timed. */
  readonly p50: number;
  readonly p99: number;
}

export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

/** A window in which a proxy got less CPU than this says nothing. */
const fewestTicks = 5;

/** Smaller differences than these are noise. */
const tieBelow: Readonly<Record<Group, number>> = { bulk: 0.2, connections: 0.1, messages: 0.1, idle: 0.1 };

/** Work per second of CPU; undefined for a window to be dropped, or without a proxy. */
export function perCpuSecond({ work, ticks, ticksPerSecond }: Sample): number | undefined {
  if (ticks === undefined || ticks < fewestTicks) return undefined;
  return (work * ticksPerSecond) / ticks;
}

/**
 * The ratios of what `ours` and `peer` yielded in the same round, so that what slows a machine down for a while slows
 * both. Undefined when no round has both.
 */
export function pairwise(ours: readonly Sample[], peer: readonly Sample[]): Spread | undefined {
  const theirs = new Map(peer.map((sample) => [sample.round, perCpuSecond(sample)]));
  const ratios: number[] = [];
  for (const sample of ours) {
    const [mine, other] = [perCpuSecond(sample), theirs.get(sample.round)];
    if (mine !== undefined && other !== undefined && other > 0) ratios.push(mine / other);
  }
  return spread(ratios);
}

export function spread(values: readonly number[]): Spread | undefined {
  if (values.length === 0) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  return { median: median(sorted), low: sorted[0] ?? 0, high: sorted.at(-1) ?? 0, count: sorted.length };
}

/** Whether a ratio means anything; more is better, so above 1 we are ahead. */
export function verdict(ratio: number, group: Group): "ahead" | "tie" | "behind" {
  const tie = tieBelow[group];
  // in both directions alike: 1.25 and 1/1.25 are the same difference
  if (Math.abs(Math.log(ratio)) < Math.log(1 + tie)) return "tie";
  return ratio > 1 ? "ahead" : "behind";
}

function median(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
