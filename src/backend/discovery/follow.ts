import timers from "node:timers/promises";
import { formatAddress } from "../../core/address.ts";
import type { Provider, TargetSpec } from "../../core/backend.ts";
import type { Events } from "../../core/events.ts";
import { reasonOf } from "../../core/outcome.ts";
import type { Targets } from "../targets.ts";

export interface FollowSetup {
  readonly backend: string;
  readonly provider: Provider;
  /** Targets that the configuration names itself: always there, and in front. */
  readonly fixed: readonly TargetSpec[];
  readonly targets: Targets;
  readonly events: Events;
}

/** Milliseconds before a provider that has failed is started anew; twice as long each time, up to the longest. */
const firstPause = 1000;
const longestPause = 30_000;

/**
 * Keeps a backend's targets as a provider finds them. While it fails, the last set stays in use: a name server that is
 * gone for a while must not take with it what it has told before.
 */
export class Follow {
  readonly #setup: FollowSetup;
  readonly #controller = new AbortController();
  #started: Promise<void> | undefined;
  #failing = false;

  constructor(setup: FollowSetup) {
    this.#setup = setup;
  }

  /** Resolves when the provider has found targets for the first time, or has failed to. */
  start(): Promise<void> {
    this.#started ??= new Promise((resolve) => {
      void this.#run(resolve);
    });
    return this.#started;
  }

  /** Ends it. The last set stays. */
  close(): void {
    this.#controller.abort();
  }

  async #run(started: () => void): Promise<void> {
    const { signal } = this.#controller;
    const { provider } = this.#setup;
    let wait = firstPause;
    while (!signal.aborted) {
      try {
        for await (const found of provider.watch(signal)) {
          if (signal.aborted) break;
          this.#found(found);
          started();
          wait = firstPause;
        }
        throw new Error("the provider has ended");
      } catch (error) {
        this.#failed(error);
        started();
      }
      // shorter by up to half, so that not everybody asks again at once
      await timers
        .setTimeout(wait * (1 - Math.random() / 2), undefined, { signal, ref: false })
        .catch(() => {});
      wait = Math.min(wait * 2, longestPause);
    }
  }

  #found(found: readonly TargetSpec[]): void {
    const { targets, fixed, events, backend } = this.#setup;
    if (this.#failing) events.emit("provider.recovered", { backend });
    this.#failing = false;
    targets.reconcile(unique([...fixed, ...found]));
  }

  #failed(error: unknown): void {
    if (this.#failing || this.#controller.signal.aborted) return;
    this.#failing = true;
    const { backend, events } = this.#setup;
    events.emit("provider.failed", { backend, reason: reasonOf(error) });
  }
}

/** The first of those with the same address. */
function unique(specs: readonly TargetSpec[]): readonly TargetSpec[] {
  const byKey = new Map<string, TargetSpec>();
  for (const spec of specs) {
    const key = formatAddress(spec.address);
    if (!byKey.has(key)) byKey.set(key, spec);
  }
  return [...byKey.values()];
}
