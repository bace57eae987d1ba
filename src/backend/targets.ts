import { formatAddress } from "../core/address.ts";
import type { TargetAdmin, TargetHealth, TargetSpec } from "../core/backend.ts";
import type { Events } from "../core/events.ts";
import { LiveTarget } from "./target.ts";

export interface TargetsSetup extends TargetsOptions {
  /** The backend's name. */
  readonly backend: string;
  readonly specs: readonly TargetSpec[];
  readonly events: Events;
}

/** What may change while the targets stay. */
export interface TargetsOptions {
  /** Milliseconds over which a target that has come back gets back its full share; 0 for at once. */
  readonly slowStart: number;
  /** The health that targets begin with, until a probe has spoken. */
  readonly initial: TargetHealth;
}

/** The share of picks that a target gets at the beginning of its slow start. */
const slowStartFloor = 0.1;

/** What the operator says of a target; undefined: as the configuration has it. */
export interface TargetOverride {
  readonly admin: TargetAdmin | undefined;
  readonly weight: number | undefined;
}

/** A target as another process has it. */
export interface TargetMirror {
  readonly spec: TargetSpec;
  readonly health: TargetHealth | undefined;
  readonly reason: string | undefined;
  readonly admin: TargetAdmin;
  readonly weight: number | undefined;
}

/** The targets of a backend: who they are, what state they are in, and which can be used now. */
export class Targets {
  readonly #setup: Omit<TargetsSetup, keyof TargetsOptions>;
  #options: TargetsOptions;
  readonly #byKey = new Map<string, LiveTarget>();
  #all: readonly LiveTarget[] = [];
  /** The usable ones of the best tier; undefined after a change, until somebody asks. */
  #best: readonly LiveTarget[] | undefined;
  /** Whether some target has a limit or is in its slow start, so that the list must be looked through each time. */
  #uneven = false;
  readonly #watchers = new Set<() => void>();

  constructor(setup: TargetsSetup) {
    this.#setup = setup;
    this.#options = setup;
    this.#all = setup.specs.map((spec) => this.#take(spec));
    this.#changed();
  }

  /** In the order of the configuration or the provider. */
  get all(): readonly LiveTarget[] {
    return this.#all;
  }

  get(key: string): LiveTarget | undefined {
    return this.#byKey.get(key);
  }

  /** Whether any target can be used, its connection limit aside. */
  get anyUsable(): boolean {
    return this.#all.some((target) => target.usable);
  }

  /** Calls `watcher` after every change of who is usable; returns the function that ends it. */
  onChange(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** The candidates for a session that has tried `tried` already: usable, below their limit, of the best tier. */
  candidates(tried: ReadonlySet<LiveTarget> | undefined): readonly LiveTarget[] {
    this.#best ??= this.#bestTier(this.#all.filter((target) => target.usable));
    if (!tried && !this.#uneven) return this.#best;
    const free = this.#all.filter((target) => target.usable && !target.full && !tried?.has(target));
    const tier = this.#bestTier(free);
    const started = tier.filter((target) => this.#admits(target));
    return started.length > 0 ? started : tier;
  }

  /** Other options from now on. Without probes nobody would ever bring back what they have called down. */
  configure(options: TargetsOptions, { probed }: { readonly probed: boolean }): void {
    this.#options = options;
    if (!probed)
      for (const target of this.#all)
        if (target.health === "down") this.setHealth(target, "up", "there are no checks any more");
    this.#changed();
  }

  /** Takes over a new set: targets with the same key keep their state, others come and go. */
  reconcile(specs: readonly TargetSpec[]): void {
    const keys = new Set(specs.map(({ address }) => formatAddress(address)));
    for (const key of this.#byKey.keys()) if (!keys.has(key)) this.#byKey.delete(key);
    const before = new Set(this.#all);
    this.#all = specs.map((spec) => this.#take(spec));
    const added = this.#all.filter((target) => !before.has(target));
    const removed = [...before].filter((target) => !keys.has(target.key));
    this.#changed();
    if (added.length === 0 && removed.length === 0) return;
    this.#setup.events.emit("backend.changed", {
      backend: this.#setup.backend,
      added: added.map(({ key }) => key),
      removed: removed.map(({ key }) => key),
    });
  }

  /** Puts these in front of what is there, and takes nothing away. */
  keepBeside(specs: readonly TargetSpec[]): void {
    const named = new Set(specs.map(({ address }) => formatAddress(address)));
    this.reconcile([
      ...specs,
      ...this.#all.filter(({ key }) => !named.has(key)).map((target) => target.spec),
    ]);
  }

  /**
   * Takes over what another process says of the targets: who they are, and their state. Nothing is told of it: that process
   * does. Without a word on their health, the own verdict stays.
   */
  mirror(states: readonly TargetMirror[]): void {
    const keys = new Set(states.map(({ spec }) => formatAddress(spec.address)));
    for (const key of this.#byKey.keys()) if (!keys.has(key)) this.#byKey.delete(key);
    this.#all = states.map(({ spec, health, reason, admin, weight }) => {
      const target = this.#take(spec);
      target.admin = admin;
      target.weightOverride = weight;
      if (health !== undefined && health !== target.health) markHealth(target, health, reason);
      return target;
    });
    this.#changed();
  }

  /** Records a verdict on the target's health; tells of it once, when it is another. */
  setHealth(target: LiveTarget, health: TargetHealth, reason: string): void {
    if (target.health === health) return;
    const from = target.health;
    markHealth(target, health, reason);
    this.#changed();
    const { backend, events } = this.#setup;
    events.emit("target.health", { backend, target: target.key, from, to: health, reason });
  }

  /** The operator's word: `draining` and `disabled` get no new sessions, whatever probes say. */
  setAdmin(target: LiveTarget, admin: TargetAdmin): void {
    if (target.admin === admin) return;
    target.admin = admin;
    this.#changed();
    this.#setup.events.emit("target.admin", { backend: this.#setup.backend, target: target.key, to: admin });
  }

  /** The operator's word on each target, by its key; a target without one is left alone. */
  override(of: (key: string) => TargetOverride | undefined): void {
    for (const target of this.#all) {
      const override = of(target.key);
      if (!override) continue;
      this.setAdmin(target, override.admin ?? "enabled");
      if (target.weightOverride !== override.weight) this.setWeight(target, override.weight);
    }
  }

  /** The operator's weight, 1 to 1000; undefined for the configuration's own. */
  setWeight(target: LiveTarget, weight: number | undefined): void {
    target.weightOverride = weight;
    this.#changed();
  }

  #take(spec: TargetSpec): LiveTarget {
    const known = this.#byKey.get(formatAddress(spec.address));
    if (known) {
      known.update(spec);
      return known;
    }
    const target = new LiveTarget(spec);
    target.health = this.#options.initial;
    this.#byKey.set(target.key, target);
    return target;
  }

  #bestTier(targets: readonly LiveTarget[]): readonly LiveTarget[] {
    const lowest = Math.min(...targets.map(({ priority }) => priority));
    return targets.filter(({ priority }) => priority === lowest);
  }

  /** During its slow start a target is passed over by chance, less and less often. */
  #admits(target: LiveTarget): boolean {
    const { slowStart } = this.#options;
    if (slowStart === 0 || target.returnedAt === 0) return true;
    const share = (performance.now() - target.returnedAt) / slowStart;
    return share >= 1 || Math.random() < Math.max(slowStartFloor, share);
  }

  #changed(): void {
    this.#best = undefined;
    this.#uneven =
      this.#options.slowStart > 0 || this.#all.some(({ maxConnections }) => maxConnections !== undefined);
    for (const watcher of this.#watchers) watcher();
  }
}

function markHealth(target: LiveTarget, health: TargetHealth, reason: string | undefined): void {
  target.health = health;
  target.reason = health === "up" ? undefined : reason;
  target.changedAt = Date.now();
  if (health !== "up") return;
  target.returnedAt = performance.now();
  target.consecutiveFailures = 0;
}
