import type { Config } from "../config/schema.ts";
import type { Address } from "../core/address.ts";
import type { Events } from "../core/events.ts";
import type { Outcome } from "../core/outcome.ts";
import { Pace } from "../core/pace.ts";
import type { Plugins } from "../core/plugin.ts";
import type { Session } from "../core/session.ts";
import { Capacity } from "../frontend/capacity.ts";
import { Frontend, type FrontendChange } from "../frontend/frontend.ts";
import { inheritFrom } from "../frontend/inherit.ts";
import type { OpenListener } from "../frontend/listeners.ts";
import { closeQuietly } from "../net/close-quietly.ts";
import type { Bind, Listener } from "../net/listen.ts";
import { type BackingMap, exchange, prepareBackings } from "./backings.ts";
import { sessionCapacity } from "./descriptors.ts";
import type { Material } from "./material.ts";
import { buildTunnel, isSameTunnel, type Tunnel } from "./tunnel.ts";

export interface EngineSetup {
  readonly events: Events;
  /** Whether targets are looked for and checked here. Default: yes. */
  readonly services?: boolean | undefined;
  /** Default: this process binds. */
  readonly bind?: Bind | undefined;
}

/** A configuration to be carried out, with all that it needs. */
export interface Order extends Plugins {
  readonly config: Config;
  readonly material: Material;
}

/** A configuration that is ready to be taken over. Exactly one of `commit` and `discard` is to be called. */
export interface Preparation {
  /** Just before `commit`: closes the listeners that go, when nobody waits there. Never takes long. */
  leave(): Promise<void>;
  /** Takes it over, all at once; resolves when targets that must be found were looked for. */
  commit(): Promise<void>;
  /** Leaves all as it was. */
  discard(): void;
}

/** A tunnel and the frontend through which it is reached, which outlives it when the configuration changes. */
export interface Running {
  readonly tunnel: Tunnel;
  readonly frontend: Frontend;
}

interface Changes {
  readonly next: Map<string, Running>;
  readonly backings: BackingMap;
  readonly changes: readonly FrontendChange[];
}

/** Carries connections, as the configuration of the moment says: the data path of one process. */
export class Engine {
  readonly #setup: EngineSetup;
  #capacity: Capacity | undefined;
  #running = new Map<string, Running>();
  #backings: BackingMap = new Map();
  /** Frontends of tunnels that are gone, until their last session has ended. */
  readonly #retired = new Set<Frontend>();
  #closed = false;

  constructor(setup: EngineSetup) {
    this.#setup = setup;
  }

  /** In the order of the configuration. */
  get running(): ReadonlyMap<string, Running> {
    return this.#running;
  }

  get backings(): BackingMap {
    return this.#backings;
  }

  /** Every bound address; port 0 shows the port that was given. */
  get listeners(): readonly { readonly tunnel: string; readonly address: Address }[] {
    return [...this.#running].flatMap(([tunnel, { frontend }]) =>
      frontend.addresses.map((address) => ({ tunnel, address })),
    );
  }

  /** Sessions under way. */
  get active(): number {
    return this.#frontends().reduce((sum, { active }) => sum + active, 0);
  }

  *sessions(): Iterable<Session> {
    for (const frontend of this.#frontends()) yield* frontend.sessions;
  }

  /** Ends the session of this id; false when there is none. */
  abort(id: string, outcome: Outcome, reason: string): boolean {
    return this.#frontends().some((frontend) => frontend.abort(id, outcome, reason));
  }

  /**
   * Makes every object of a configuration and opens what it listens on, while the one in use goes on untouched. What has
   * not changed is not made anew. One preparation at a time.
   *
   * @throws MaterialFaults when users' modules cannot make their balancers
   * @throws ListenError for the first address that cannot be opened
   */
  async prepare(order: Order): Promise<Preparation> {
    const { events, services = true, bind } = this.#setup;
    const { config } = order;
    this.#capacity ??= new Capacity(sessionCapacity(countListeners(config)));
    const capacity = this.#capacity;
    const backings = prepareBackings(this.#backings, order, { events, services });
    const next = new Map<string, Running>();
    const pace = new Pace();
    for (const tunnel of config.tunnels) {
      await pace.breathe();
      const material = order.material.get(tunnel.name) ?? {};
      const needed = [tunnel.backend, ...(tunnel.routes ?? []).map(({ backend }) => backend)];
      const before = this.#running.get(tunnel.name);
      const parts = { config: tunnel, material, backings: needed.map(backings.of), relay: config.relay };
      const same = before && isSameTunnel(before.tunnel, parts);
      next.set(tunnel.name, {
        tunnel: same ? before.tunnel : await buildTunnel(parts, { events, pace }, before?.tunnel),
        frontend: before?.frontend ?? new Frontend({ tunnel: tunnel.name, events, capacity, bind }),
      });
    }
    const changes = await this.#openListeners(next, pace);
    return {
      leave: () => closeQuietly(this.#goingWith({ next, changes })),
      commit: () => this.#commit({ next, backings: backings.all, changes }),
      discard: () => {
        for (const change of changes) change.discard();
        this.#closeUnused(next);
        backings.discard();
      },
    };
  }

  /** Opens the listeners of every tunnel that has changed. */
  async #openListeners(next: ReadonlyMap<string, Running>, pace: Pace): Promise<readonly FrontendChange[]> {
    const open = this.#open();
    const changes: FrontendChange[] = [];
    try {
      for (const { tunnel, frontend } of next.values()) {
        if (this.#running.get(tunnel.name)?.tunnel === tunnel) continue;
        await pace.breathe();
        changes.push(await frontend.prepare(tunnel.plan, inheritFrom(open)));
      }
      return changes;
    } catch (error) {
      for (const change of changes) change.discard();
      for (const { tunnel } of next.values())
        if (this.#running.get(tunnel.name)?.tunnel !== tunnel) tunnel.close();
      throw error;
    }
  }

  async #commit({ next, backings, changes }: Changes): Promise<void> {
    const before = { running: this.#running, backings: this.#backings };
    this.#running = next;
    this.#backings = backings;
    const started = exchange(before.backings, backings);
    const kept = new Set(changes.flatMap(({ listeners }) => listeners));
    for (const { tunnel } of next.values())
      if (before.running.get(tunnel.name)?.tunnel !== tunnel) tunnel.takeOver();
    for (const change of changes) change.commit(kept);
    for (const [name, { tunnel, frontend }] of before.running) {
      if (next.get(name)?.tunnel !== tunnel) tunnel.close();
      if (!next.has(name)) this.#retire(frontend, kept);
    }
    await started;
  }

  /** What is open now and will not be. */
  #goingWith({ next, changes }: Pick<Changes, "next" | "changes">): readonly Listener[] {
    const kept = new Set(changes.flatMap(({ listeners }) => listeners));
    const stays = (name: string) => next.get(name)?.tunnel === this.#running.get(name)?.tunnel;
    return this.#open().flatMap(({ tunnel, listener }) =>
      stays(tunnel) || kept.has(listener) ? [] : [listener],
    );
  }

  #retire(frontend: Frontend, kept: ReadonlySet<Listener>): void {
    frontend.close(kept);
    this.#retired.add(frontend);
    void frontend.drained().then(() => this.#retired.delete(frontend));
  }

  #closeUnused(next: ReadonlyMap<string, Running>): void {
    for (const { tunnel } of next.values())
      if (this.#running.get(tunnel.name)?.tunnel !== tunnel) tunnel.close();
  }

  /** Stops accepting. Sessions under way go on. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { tunnel, frontend } of this.#running.values()) {
      frontend.close();
      tunnel.close();
    }
    for (const backing of this.#backings.values()) backing.close();
  }

  /** Ends every session under way with `outcome`. */
  abortAll(outcome: Outcome, reason: string): void {
    for (const frontend of this.#frontends()) frontend.abortAll(outcome, reason);
  }

  /** Resolves when no session is left. */
  async drained(): Promise<void> {
    await Promise.all(this.#frontends().map((frontend) => frontend.drained()));
  }

  #frontends(): readonly Frontend[] {
    return [...[...this.#running.values()].map(({ frontend }) => frontend), ...this.#retired];
  }

  #open(): readonly OpenListener[] {
    return [...this.#running.values()].flatMap(({ frontend }) => frontend.open);
  }
}

function countListeners({ tunnels }: Config): number {
  return tunnels.flatMap(({ frontend }) => frontend.listen).length;
}
