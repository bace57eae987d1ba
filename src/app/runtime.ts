import type { Config } from "../config/schema.ts";
import type { Address } from "../core/address.ts";
import type { Events } from "../core/events.ts";
import type { Plugins } from "../core/plugin.ts";
import type { Bind } from "../net/listen.ts";
import { CrlWatch } from "../tls/revocation/crl-watch.ts";
import type { Preparation } from "./engine.ts";
import { LocalPlane } from "./local-plane.ts";
import {
  changedMaterial,
  crlsIn,
  loadMaterial,
  type Material,
  type MaterialOptions,
  reviewMaterial,
} from "./material.ts";
import { type MetricsService, openMetrics } from "./metrics.ts";
import type { BoundListener, DataPlane } from "./plane.ts";
import { refuseKeyLogs, weaknessesIn } from "./weak-tls.ts";

export interface RuntimeContext extends Plugins {
  readonly events: Events;
  /** What carries connections. Default: this process. */
  readonly plane?: DataPlane | undefined;
  readonly ticketSecret?: Buffer | undefined;
  /** How what is not the plane's is bound. Default: this process binds. */
  readonly bind?: Bind | undefined;
  /** Whether the keys of sessions may be written to files. */
  readonly insecureDebug?: boolean | undefined;
  /** Called when all is bound and nothing is accepted yet; what it throws ends the start. Returns what it has opened. */
  readonly beforeReady?: ((runtime: Runtime) => Promise<readonly Address[]>) | undefined;
}

/** A configuration that could be taken over. Exactly one of `commit` and `discard` is to be called. */
export interface Update extends Pick<Preparation, "leave"> {
  readonly config: Config;
  commit(): Promise<void>;
  discard(): void;
}

export interface MaterialUpdate extends Update {
  /** The tunnels that are concerned. */
  readonly tunnels: readonly string[];
}

/** A running configuration. */
export interface Runtime {
  readonly plane: DataPlane;
  readonly config: Config;
  /** Of the files that the configuration names. */
  readonly material: Material;
  /** Every bound address; port 0 shows the port that was given. */
  readonly listeners: readonly BoundListener[];
  /** Sessions under way. */
  readonly active: number;
  /**
   * Makes another configuration ready: everything is read, checked and bound, and nothing has changed yet. One at a time.
   *
   * @throws MaterialFaults, ListenError
   */
  prepare(config: Config, plugins: Plugins): Promise<Update>;
  /**
   * The same for the configuration in use, whose files may hold something else now; undefined when they do not.
   *
   * @throws MaterialFaults
   */
  prepareMaterial(): Promise<MaterialUpdate | undefined>;
  metricsText(): Promise<string>;
  /** Stops accepting, and resolves with the number of sessions that are under way. Idempotent. */
  close(): Promise<number>;
  /** Stops accepting, lets sessions finish for at most `deadlineMs`, then ends them. Resolves when none is left. */
  drain(deadlineMs: number): Promise<void>;
  /** Ends everything now. */
  stop(): Promise<void>;
}

/**
 * Starts a configuration: everything is read, checked and bound before the first connection is accepted for good, and
 * if anything fails nothing stays up.
 *
 * @throws MaterialFaults, ListenError
 */
export async function start(config: Config, context: RuntimeContext): Promise<Runtime> {
  const { events, plane = new LocalPlane({ events }), ticketSecret, bind, beforeReady, ...rest } = context;
  const { insecureDebug = false, ...plugins } = rest;
  const runtime = new RunningConfig(config, { events, plane, ticketSecret, bind, insecureDebug });
  await runtime.open(plugins, beforeReady);
  return runtime;
}

interface Prepared {
  readonly config: Config;
  readonly plugins: Plugins;
  readonly material: Material;
}

interface RunningSetup {
  readonly events: Events;
  readonly plane: DataPlane;
  readonly ticketSecret: Buffer | undefined;
  readonly bind: Bind | undefined;
  readonly insecureDebug: boolean;
}

class RunningConfig implements Runtime {
  readonly plane: DataPlane;
  config: Config;
  material: Material = new Map();
  #plugins: Plugins | undefined;
  readonly #events: Events;
  readonly #ticketSecret: Buffer | undefined;
  readonly #bind: Bind | undefined;
  readonly #insecureDebug: boolean;
  readonly #crls: CrlWatch;
  #metrics: MetricsService | undefined;
  /** The sessions at the end of accepting. */
  #closed: Promise<number> | undefined;

  constructor(config: Config, { events, plane, ticketSecret, bind, insecureDebug }: RunningSetup) {
    this.plane = plane;
    this.config = config;
    this.#events = events;
    this.#ticketSecret = ticketSecret;
    this.#bind = bind;
    this.#insecureDebug = insecureDebug;
    this.#crls = new CrlWatch(events);
  }

  async open(plugins: Plugins, beforeReady: RuntimeContext["beforeReady"]): Promise<void> {
    const { config, plane } = this;
    const first = await this.prepare(config, plugins);
    const source = {
      bind: this.#bind,
      events: this.#events,
      state: () => plane.state(),
      config: () => this.config,
      material: () => this.material,
    };
    let admin: readonly Address[];
    try {
      this.#metrics = await openMetrics(config.metrics, source);
      admin = (await beforeReady?.(this)) ?? [];
    } catch (error) {
      this.#metrics?.close();
      first.discard();
      throw error;
    }
    await first.commit();
    this.#events.emit("ready", { listeners: this.listeners, metrics: this.#metrics.address, admin });
  }

  get listeners(): readonly BoundListener[] {
    return this.plane.listeners;
  }

  get active(): number {
    return this.plane.active;
  }

  async prepare(config: Config, plugins: Plugins): Promise<Update> {
    if (!this.#insecureDebug) refuseKeyLogs(config);
    const options: MaterialOptions = { ticketSecret: this.#ticketSecret, previous: this.material };
    return this.#prepare({ config, plugins, material: await loadMaterial(config, options) });
  }

  async prepareMaterial(): Promise<MaterialUpdate | undefined> {
    const { config, material: previous } = this;
    const plugins = this.#plugins;
    if (!plugins) return undefined;
    const material = await loadMaterial(config, { ticketSecret: this.#ticketSecret, previous });
    const tunnels = changedMaterial(previous, material);
    if (tunnels.length === 0) return undefined;
    return { ...(await this.#prepare({ config, plugins, material })), tunnels };
  }

  async #prepare({ config, plugins, material }: Prepared): Promise<Update> {
    const { leave, commit, discard } = await this.plane.prepare({ ...plugins, config, material });
    return {
      config,
      leave,
      commit: () => {
        this.config = config;
        this.material = material;
        this.#plugins = plugins;
        const started = commit();
        reviewMaterial(config, material, this.#events);
        for (const { tunnel, key, path } of weaknessesIn(config))
          this.#events.emit("tls.weakened", { tunnel, setting: key, where: path.join(".") });
        this.#crls.watch(crlsIn(material));
        return started;
      },
      discard,
    };
  }

  async metricsText(): Promise<string> {
    return (await this.#metrics?.text()) ?? "";
  }

  close(): Promise<number> {
    this.plane.close();
    this.#crls.close();
    // other processes are asked: what is known of them may be of the time before the last sessions came
    this.#closed ??= this.plane.state().then(() => this.active);
    return this.#closed;
  }

  async drain(deadlineMs: number): Promise<void> {
    const sessions = await this.close();
    if (sessions > 0) this.#events.emit("draining", { sessions, deadlineMs });
    const timer = setTimeout(() => this.#abortAll("the drain has run out of patience"), deadlineMs);
    await this.plane.drained();
    clearTimeout(timer);
    this.#metrics?.close();
  }

  async stop(): Promise<void> {
    void this.close();
    this.#abortAll("the program is stopped");
    await this.plane.drained();
    this.#metrics?.close();
  }

  #abortAll(reason: string): void {
    this.plane.abortAll("drained", reason);
  }
}
