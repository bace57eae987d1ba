import { reasonOf } from "../../core/outcome.ts";
import type { LiveTarget } from "../target.ts";
import type { Targets } from "../targets.ts";

export interface PassiveOptions {
  /** Failed attempts in a row that eject a target; 0 for never. */
  readonly failures: number;
  /** Milliseconds of the first ejection; each one that follows without a success between is twice as long. */
  readonly eject: number;
  /** Whether a connection that the target resets before it has answered counts as a failed attempt. */
  readonly resets: boolean;
  /** The share of a backend that may be ejected at one time, 0 to 1: sessions alone can never empty it. */
  readonly maxEjected: number;
}

/** No ejection is longer than this many times the first. */
const longestBackOff = 10;

/** Ejects targets that sessions find broken. Probes, where there are any, bring them back; else the ejection ends by time. */
export class PassiveChecks {
  readonly #targets: Targets;
  readonly #options: PassiveOptions;
  readonly #probed: boolean;
  readonly #ejections = new WeakMap<LiveTarget, number>();
  readonly #timers = new Map<LiveTarget, NodeJS.Timeout>();

  constructor(targets: Targets, options: PassiveOptions, { probed }: { readonly probed: boolean }) {
    this.#targets = targets;
    this.#options = options;
    this.#probed = probed;
  }

  /** Sees to what was ejected under other options: without probes, nobody else would bring it back. */
  takeOver(): void {
    for (const target of this.#targets.all)
      if (target.health === "ejected" && !this.#probed && !this.#timers.has(target))
        this.#comeBackLater(target);
  }

  succeeded(target: LiveTarget): void {
    target.succeeded();
    if (this.#ejections.has(target)) this.#ejections.delete(target);
  }

  failed(target: LiveTarget, error: unknown): void {
    target.failed();
    const { failures } = this.#options;
    if (
      failures === 0 ||
      target.consecutiveFailures < failures ||
      target.health !== "up" ||
      !this.#mayEject()
    )
      return;
    const count = `${target.consecutiveFailures} failures in a row`;
    this.#targets.setHealth(target, "ejected", `${count}, the last one: ${reasonOf(error)}`);
    if (!this.#probed) this.#comeBackLater(target);
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  #mayEject(): boolean {
    const all = this.#targets.all;
    const ejected = all.filter(({ health }) => health === "ejected").length;
    return ejected + 1 <= all.length * this.#options.maxEjected;
  }

  #comeBackLater(target: LiveTarget): void {
    const ejections = this.#ejections.get(target) ?? 0;
    this.#ejections.set(target, ejections + 1);
    const wait = this.#options.eject * Math.min(2 ** ejections, longestBackOff);
    const timer = setTimeout(() => {
      this.#timers.delete(target);
      if (target.health === "ejected") this.#targets.setHealth(target, "up", "the ejection is over");
    }, wait).unref();
    this.#timers.set(target, timer);
  }
}
