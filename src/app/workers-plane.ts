import type { TargetOverride } from "../backend/targets.ts";
import { backendUses } from "../config/backend-uses.ts";
import type { Config } from "../config/schema.ts";
import type { LogLevel } from "../core/control.ts";
import type { Events } from "../core/events.ts";
import type { Outcome } from "../core/outcome.ts";
import type { SessionStatus } from "../core/status.ts";
import { sumCounts } from "../telemetry/counts.ts";
import { Tallies } from "../telemetry/tally.ts";
import { type BackingMap, exchange, prepareBackings } from "./backings.ts";
import { Crew, type CrewSetup } from "./crew.ts";
import type { Order, Preparation } from "./engine.ts";
import { targetState } from "./engine-state.ts";
import type { Told } from "./event-facts.ts";
import { checksOf } from "./health.ts";
import { recordOf } from "./material.ts";
import { mergeStates } from "./merge-states.ts";
import { type FromWorker, socketKey, type WorkerOrder } from "./messages.ts";
import type { BoundListener, DataPlane, PlaneState } from "./plane.ts";
import { TargetBroadcast } from "./target-broadcast.ts";
import { TargetOverrides } from "./target-overrides.ts";

export interface WorkersSetup extends Omit<CrewSetup, "directory" | "onVerdict"> {
  readonly events: Events;
  readonly ticketSecret: Buffer;
}

/** How long workers may take to end after the last session, in milliseconds. */
const endPatience = 2000;

/** Carries connections in worker processes, and looks for targets and checks them for all of them. */
export class WorkersPlane implements DataPlane {
  readonly #setup: WorkersSetup;
  readonly #crew: Crew;
  readonly #tallies: Tallies;
  readonly #targets: TargetBroadcast;
  readonly #overrides = new TargetOverrides();
  #backings: BackingMap = new Map();
  #config: Config | undefined;
  #closed = false;

  constructor(setup: WorkersSetup) {
    this.#setup = setup;
    this.#targets = new TargetBroadcast((targets) => this.#crew.tell({ kind: "targets", targets }));
    this.#crew = new Crew({
      ...setup,
      directory: () => this.#targets.everything(),
      onVerdict: (worker, verdict) => this.#judge(worker, verdict),
    });
    this.#tallies = new Tallies({
      events: setup.events,
      tunnelsOf: (backend) => this.#tunnelsOf(backend),
      // they are the workers', and so are their counts
      sessions: () => [],
    });
    setup.events.on("backend.changed", () => this.#applyOverrides());
  }

  async prepare(order: Order): Promise<Preparation> {
    const { events, ticketSecret } = this.#setup;
    const first = this.#config === undefined;
    const backings = prepareBackings(this.#backings, order, { events, services: true });
    const sent: WorkerOrder = { config: order.config, files: recordOf(order.material), ticketSecret };
    const undo = () => {
      backings.discard();
      if (first) this.#crew.destroy();
    };
    try {
      if (first) await this.#crew.start();
      await this.#crew.prepare(sent);
    } catch (error) {
      undo();
      throw error;
    }
    return {
      // each worker does it before it commits
      leave: async () => {},
      commit: () => this.#commit(sent, backings.all),
      discard: () => {
        this.#crew.discard();
        undo();
      },
    };
  }

  get listeners(): readonly BoundListener[] {
    return (this.#config?.tunnels ?? []).flatMap(({ name: tunnel, frontend }) =>
      frontend.listen.map((wanted, index) => ({
        tunnel,
        address: this.#crew.sockets.addressOf(wanted, `${tunnel}/${index}`),
      })),
    );
  }

  get active(): number {
    return this.#crew.workers.reduce((sum, { active }) => sum + active, 0);
  }

  async state(): Promise<PlaneState> {
    const { workers } = this.#crew;
    const states = await Promise.all(workers.map((worker) => worker.state()));
    const own = [...this.#backings].map(
      ([key, { backend }]) => [key, backend.targets.all.map(targetState)] as const,
    );
    return {
      ...mergeStates(
        states.filter((state) => state !== undefined),
        new Map(own),
      ),
      workers: workers.map(({ status }) => status),
      counts: sumCounts([this.#tallies.counts(), ...workers.map(({ counts }) => counts)]),
    };
  }

  async sessions(): Promise<readonly SessionStatus[]> {
    return (await Promise.all(this.#crew.workers.map((worker) => worker.sessions()))).flat();
  }

  async killSession(id: string): Promise<boolean> {
    return (await Promise.all(this.#crew.workers.map((worker) => worker.kill(id)))).includes(true);
  }

  overrideTarget(backend: string, key: string, override: TargetOverride): void {
    this.#overrides.set(backend, key, override);
    this.#applyOverrides();
  }

  async inForce(): Promise<void> {
    this.#targets.flush();
    await this.#crew.obeyed();
  }

  follow(tell: ((told: Told, worker: number) => void) | undefined): void {
    this.#crew.follow(tell);
  }

  setLogLevel(level: LogLevel): void {
    this.#crew.tell({ kind: "log-level", level });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const backing of this.#backings.values()) backing.close();
    this.#crew.finish();
  }

  abortAll(outcome: Outcome, reason: string): void {
    this.#crew.tell({ kind: "abort", outcome, reason });
    // one that does not answer any more would not end either
    setTimeout(() => this.#crew.destroy(), endPatience).unref();
  }

  async drained(): Promise<void> {
    await Promise.all(this.#crew.workers.map((worker) => worker.ended()));
  }

  async #commit(order: WorkerOrder, backings: BackingMap): Promise<void> {
    const before = this.#backings;
    this.#config = order.config;
    this.#backings = backings;
    const started = exchange(before, backings);
    this.#targets.watch(backings);
    this.#applyOverrides();
    this.#crew.commit(order);
    this.#crew.sockets.keepOnly(socketKeys(order.config));
    await started;
  }

  /** A worker's sessions have found a target broken, or its ejection is over. */
  #judge(
    worker: number,
    { backend, target, from, to, reason }: Extract<FromWorker, { kind: "verdict" }>,
  ): void {
    const backing = [...this.#backings.values()].find(({ config }) => config.name === backend);
    const found = backing?.backend.targets.get(target);
    if (!backing || !found) return;
    const why = `worker ${worker}: ${reason}`;
    // without probes each worker goes by what its own sessions find
    if (checksOf(backing.config) === undefined)
      this.#setup.events.emit("target.health", { backend, target, from, to, reason: why });
    else if (to === "ejected" && found.health === "up")
      backing.backend.targets.setHealth(found, "ejected", why);
  }

  #applyOverrides(): void {
    this.#overrides.apply(this.#backings);
  }

  #tunnelsOf(backend: string): readonly string[] {
    return (this.#config?.tunnels ?? []).flatMap((tunnel) =>
      backendUses(tunnel).some((use) => use.backend.name === backend) ? [tunnel.name] : [],
    );
  }
}

function socketKeys({ tunnels }: Config): ReadonlySet<string> {
  return new Set(
    tunnels.flatMap(({ name, frontend }) =>
      frontend.listen.map((address, index) => socketKey(address, `${name}/${index}`)),
    ),
  );
}
