import type { TargetOverride } from "../backend/targets.ts";
import type { Events } from "../core/events.ts";
import type { Outcome } from "../core/outcome.ts";
import type { SessionStatus } from "../core/status.ts";
import { Tallies } from "../telemetry/tally.ts";
import { Engine, type EngineSetup, type Order, type Preparation } from "./engine.ts";
import { engineState, tunnelsOf } from "./engine-state.ts";
import type { DataPlane, PlaneState } from "./plane.ts";
import { sessionStatus } from "./session-status.ts";
import { TargetOverrides } from "./target-overrides.ts";

/** The number of the only process there is. */
const onlyWorker = 1;

/** Carries connections in this process. */
export class LocalPlane implements DataPlane {
  readonly #engine: Engine;
  readonly #tallies: Tallies;
  readonly #startedAt = new Date().toISOString();
  readonly #overrides = new TargetOverrides();

  constructor(setup: EngineSetup & { readonly events: Events }) {
    this.#engine = new Engine(setup);
    this.#tallies = new Tallies({
      events: setup.events,
      tunnelsOf: (backend) => tunnelsOf(this.#engine, backend),
      sessions: () => this.#engine.sessions(),
    });
    // a target that comes back finds the operator's word again
    setup.events.on("backend.changed", () => this.#applyOverrides());
  }

  async prepare(order: Order): Promise<Preparation> {
    const { leave, commit, discard } = await this.#engine.prepare(order);
    return {
      leave,
      commit: () => {
        const started = commit();
        this.#applyOverrides();
        return started;
      },
      discard,
    };
  }

  get listeners(): DataPlane["listeners"] {
    return this.#engine.listeners;
  }

  get active(): number {
    return this.#engine.active;
  }

  async state(): Promise<PlaneState> {
    const { pid } = process;
    const sessions = this.#engine.active;
    return {
      ...engineState(this.#engine),
      workers: [{ id: onlyWorker, pid, startedAt: this.#startedAt, state: "running", restarts: 0, sessions }],
      counts: this.#tallies.counts(),
    };
  }

  async sessions(): Promise<readonly SessionStatus[]> {
    return [...this.#engine.sessions()].map((session) => sessionStatus(session, onlyWorker));
  }

  async killSession(id: string): Promise<boolean> {
    return this.#engine.abort(id, "killed", "the operator has ended it");
  }

  overrideTarget(backend: string, key: string, override: TargetOverride): void {
    this.#overrides.set(backend, key, override);
    this.#applyOverrides();
  }

  /** There are no other processes. */
  follow(): void {}

  setLogLevel(): void {}

  async inForce(): Promise<void> {}

  close(): void {
    this.#engine.close();
  }

  abortAll(outcome: Outcome, reason: string): void {
    this.#engine.abortAll(outcome, reason);
  }

  drained(): Promise<void> {
    return this.#engine.drained();
  }

  #applyOverrides(): void {
    this.#overrides.apply(this.#engine.backings);
  }
}
