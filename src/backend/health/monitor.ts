import { reasonOf } from "../../core/outcome.ts";
import type { LiveTarget } from "../target.ts";
import type { Targets } from "../targets.ts";
import { type CheckSetup, type RunningCheck, startCheck } from "./check.ts";

export interface MonitorOptions {
  /** Milliseconds from the beginning of one check of a target to that of its next one. */
  readonly interval: number;
  /** Checks in a row that must pass before a target that is down is up. */
  readonly rise: number;
  /** Checks in a row that must fail before a target is down. */
  readonly fall: number;
}

export interface MonitorSetup extends CheckSetup, MonitorOptions {
  readonly targets: Targets;
}

/** Intervals are shorter by up to this share, by chance, so that the checks of many targets do not stay in step. */
const jitter = 0.1;

/** Probes every target of a backend, each by itself, and records what comes of it. The only one to call a target down. */
export class Monitor {
  readonly #setup: MonitorSetup;
  readonly #watches = new Map<LiveTarget, Watch>();
  #unfollow: (() => void) | undefined;

  constructor(setup: MonitorSetup) {
    this.#setup = setup;
  }

  /** Checks every target at once, and from then on; those that come later as soon as they come. */
  start(): void {
    if (this.#unfollow) return;
    this.#unfollow = this.#setup.targets.onChange(() => this.#follow());
    this.#follow();
  }

  /** Ends every check under way. The last verdicts stay. */
  close(): void {
    this.#unfollow?.();
    for (const watch of this.#watches.values()) watch.close();
    this.#watches.clear();
  }

  #follow(): void {
    const present = new Set(this.#setup.targets.all);
    for (const [target, watch] of this.#watches) {
      if (present.has(target)) continue;
      this.#watches.delete(target);
      watch.close();
    }
    for (const target of present) {
      if (this.#watches.has(target)) continue;
      const watch = new Watch(target, this.#setup);
      this.#watches.set(target, watch);
      watch.check();
    }
  }
}

/** One target and its row of checks. */
class Watch {
  readonly #target: LiveTarget;
  readonly #setup: MonitorSetup;
  /** Checks in a row that have passed, or failed; one of the two is 0. */
  #passed = 0;
  #failed = 0;
  #running: RunningCheck | undefined;
  #timer: NodeJS.Timeout | undefined;
  #due = false;
  #closed = false;

  constructor(target: LiveTarget, setup: MonitorSetup) {
    this.#target = target;
    this.#setup = setup;
  }

  check(): void {
    if (this.#closed) return;
    this.#due = this.#running !== undefined;
    if (this.#due) return;
    const wait = this.#setup.interval * (1 - jitter * Math.random());
    this.#timer = setTimeout(() => this.check(), wait).unref();
    this.#running = startCheck(this.#target, this.#setup);
    this.#running.done.then(
      () => this.#over(() => this.#pass()),
      (error: unknown) => this.#over(() => this.#fail(error)),
    );
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#running?.stop();
  }

  #over(judge: () => void): void {
    this.#running = undefined;
    if (this.#closed) return;
    judge();
    // the check took longer than the interval
    if (this.#due) this.check();
  }

  #pass(): void {
    this.#failed = 0;
    this.#passed++;
    const { rise, targets } = this.#setup;
    const { health } = this.#target;
    if (health === "ejected") targets.setHealth(this.#target, "up", "a check has passed");
    else if (health === "down" && this.#passed >= rise)
      targets.setHealth(this.#target, "up", inARow(this.#passed, "passed"));
  }

  #fail(error: unknown): void {
    this.#passed = 0;
    this.#failed++;
    const { fall, targets } = this.#setup;
    if (this.#target.health === "down" || this.#failed < fall) return;
    targets.setHealth(this.#target, "down", `${inARow(this.#failed, "failed")}: ${reasonOf(error)}`);
  }
}

function inARow(count: number, what: string): string {
  return count === 1 ? `a check has ${what}` : `${count} checks in a row have ${what}`;
}
