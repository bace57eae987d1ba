import type { Machine } from "./machine.ts";
import type { Memory } from "./memory.ts";
import type { RoundOptions, Series } from "./rounds.ts";

/** Everything that a run has found: what `--json` writes and what the tables are made from. */
export interface Results {
  /** The day, as YYYY-MM-DD. */
  readonly date: string;
  readonly machine: Machine;
  readonly protocol: RoundOptions;
  /** Peers that were asked for and are not installed, with the package that has them. */
  readonly absent: readonly string[];
  readonly series: readonly Series[];
  readonly memory: readonly Memory[];
  /** What could not be measured, and why. */
  readonly failures: readonly string[];
}
