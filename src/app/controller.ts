import type { LoadedConfig } from "../config/load.ts";
import type { Overlay } from "../config/overlay.ts";
import type {
  ChangeOptions,
  ConfigChange,
  ConfigDocument,
  Control,
  ControlEvent,
  LogLevel,
  OverlayEntry,
  ReloadResult,
  TargetChange,
} from "../core/control.ts";
import type { Events } from "../core/events.ts";
import type { SessionStatus, Status, TargetStatus, TunnelStatus } from "../core/status.ts";
import type { Log } from "../telemetry/log.ts";
import { diffConfigs } from "./diff.ts";
import { tellEvents } from "./event-facts.ts";
import { EventFeed } from "./event-feed.ts";
import type { LiveChanges } from "./live-changes.ts";
import { LogLevelSwitch } from "./log-level.ts";
import { MaterialRefresh } from "./material-refresh.ts";
import { Overrides } from "./overrides.ts";
import { etagOf, explain, failure } from "./reload-result.ts";
import type { Runtime } from "./runtime.ts";
import { tunnelStatuses } from "./tunnel-status.ts";
import { thisProgram } from "./version.ts";

export interface ControllerSetup {
  readonly runtime: Runtime;
  readonly events: Events;
  readonly log: Log;
  /** The configuration file; undefined when the tunnels were given on the command line. */
  readonly file: string | undefined;
  /** The configuration in use. */
  readonly loaded: LoadedConfig;
  readonly changes: LiveChanges;
  /** Reads the files anew; throws what `loadConfig` does. */
  load(overlay: Overlay): Promise<LoadedConfig>;
  /** Resolves when the first configuration is in use, which cannot be changed before. */
  readonly opened: Promise<void>;
  /** Has another process take over, and this one end with its last session; returns the process' id. */
  replace(): Promise<number>;
  /** Ends the program: once the sessions are over, or now. */
  end(how: { readonly deadlineMs: number | undefined }): void;
}

type TargetPlace = Parameters<Control["setTarget"]>[0];

/** The number of the process that runs by itself, or supervises the others. */
const here = 0;

/** Does what operators ask for, one change of the configuration at a time. */
export class Controller implements Control {
  readonly #setup: ControllerSetup;
  readonly #feed: EventFeed;
  readonly #files: MaterialRefresh;
  readonly #startedAt = new Date().toISOString();
  #configuredAt = this.#startedAt;
  #generation = 1;
  #loaded: LoadedConfig;
  #etag: string;
  #lastReload: ReloadResult | undefined;
  #state: Status["state"] = "running";
  /** The change under way; the next one waits for it. */
  #changing: Promise<unknown>;
  readonly #overrides: Overrides;
  readonly #level: LogLevelSwitch;

  constructor(setup: ControllerSetup) {
    this.#setup = setup;
    const { events, runtime } = setup;
    this.#feed = new EventFeed((wanted) =>
      runtime.plane.follow(wanted ? (told, worker) => this.#feed.tell(told, worker) : undefined),
    );
    tellEvents(events, { wanted: () => this.#feed.wanted, tell: (told) => this.#feed.tell(told, here) });
    this.#etag = etagOf(setup.runtime.config);
    this.#loaded = setup.loaded;
    this.#changing = setup.opened;
    this.#level = new LogLevelSwitch(setup.log, (level) => runtime.plane.setLogLevel(level));
    this.#overrides = new Overrides(setup.runtime.plane, setup.changes);
    void this.#overrides.apply(setup.runtime.config);
    this.#files = new MaterialRefresh({ runtime, events, alone: (change) => this.#alone(change) });
    void setup.opened.then(() => this.#files.follow());
  }

  async status(): Promise<Status> {
    const { runtime, file } = this.#setup;
    const state = await runtime.plane.state();
    return {
      ...thisProgram(),
      ...{ startedAt: this.#startedAt, file, generation: this.#generation, etag: this.#etag },
      ...{ configuredAt: this.#configuredAt, lastReload: this.#lastReload, state: this.#state },
      workers: state.workers,
      tunnels: tunnelStatuses({ runtime, state, originOf: (tunnel) => this.#originOf(tunnel) }),
    };
  }

  sessions(): Promise<readonly SessionStatus[]> {
    return this.#setup.runtime.plane.sessions();
  }

  killSession(id: string): Promise<boolean> {
    return this.#setup.runtime.plane.killSession(id);
  }

  setTarget(
    place: TargetPlace,
    change: TargetChange,
    { by }: ChangeOptions = {},
  ): Promise<TargetStatus | undefined> {
    return this.#alone(async () => {
      if (!(await this.#target(place))) return undefined;
      await this.#overrides.change(this.#setup.runtime.config, { ...place, change, by });
      return this.#target(place);
    });
  }

  async document(): Promise<ConfigDocument> {
    return { etag: this.#etag, generation: this.#generation, document: this.#loaded.document };
  }

  change(change: ConfigChange, options: ChangeOptions = {}): Promise<ReloadResult> {
    return this.#amend(options, (changes) => changes.with(change, this.#loaded, options.by));
  }

  reload(options: ChangeOptions = {}): Promise<ReloadResult> {
    const { changes, load } = this.#setup;
    return this.#alone(() =>
      this.#take(options, async () => ({ overlay: changes.overlay, loaded: await load(changes.overlay) })),
    );
  }

  async overlay(): Promise<readonly OverlayEntry[]> {
    return this.#setup.changes.shown();
  }

  dropOverlay(path: string | undefined, options: ChangeOptions = {}): Promise<ReloadResult> {
    return this.#amend(options, (changes) => changes.without(path));
  }

  /** The program has begun to end, whoever asked for it. */
  noteEnd(state: "draining" | "stopping"): void {
    this.#state = state;
  }

  async drain(deadlineMs?: number): Promise<void> {
    this.#setup.end({ deadlineMs: deadlineMs ?? this.#setup.runtime.config.drainTimeoutMs });
  }

  upgrade(): Promise<number> {
    return this.#alone(() => this.#setup.replace());
  }

  async stop(): Promise<void> {
    this.#setup.end({ deadlineMs: undefined });
  }

  async setLogLevel(level: LogLevel, forMs?: number): Promise<void> {
    this.#level.set(level, forMs);
  }

  async logLevel(): Promise<LogLevel> {
    return this.#level.level;
  }

  metrics(): Promise<string> {
    return this.#setup.runtime.metricsText();
  }

  events(signal: AbortSignal): AsyncIterable<ControlEvent> {
    return this.#feed.read(signal);
  }

  async #target({ tunnel, key }: TargetPlace): Promise<TargetStatus | undefined> {
    const { tunnels } = await this.status();
    return tunnels.find(({ name }) => name === tunnel)?.targets.find((target) => target.key === key);
  }

  #originOf(tunnel: string): TunnelStatus["origin"] {
    if (this.#setup.file === undefined) return "command-line";
    return this.#loaded.changedTunnels.has(tunnel) ? "overlay" : "file";
  }

  /** Runs one change after the other. */
  #alone<Result>(change: () => Promise<Result>): Promise<Result> {
    const result = this.#changing.then(change);
    this.#changing = result.catch(() => {});
    return result;
  }

  /** Takes the files over as they were read, with other changes. */
  #amend(options: ChangeOptions, next: (changes: LiveChanges) => Overlay): Promise<ReloadResult> {
    return this.#alone(() =>
      this.#take(options, async () => {
        const overlay = next(this.#setup.changes);
        return { overlay, loaded: this.#loaded.withOverlay(overlay) };
      }),
    );
  }

  /** Takes another configuration over: all of it, or nothing. */
  async #take(
    { ifMatch, dryRun = false, by }: ChangeOptions,
    next: () => Promise<{ readonly overlay: Overlay; readonly loaded: LoadedConfig }>,
  ): Promise<ReloadResult> {
    const { runtime, events, changes } = this.#setup;
    if (this.#state !== "running" && !dryRun) return failure("failed", `the program is ${this.#state}`);
    if (ifMatch !== undefined && ifMatch !== this.#etag)
      return failure("conflict", `the configuration in use has the etag ${this.#etag} now`);
    let loaded: LoadedConfig | undefined;
    try {
      const wanted = await next();
      loaded = wanted.loaded;
      const update = await runtime.prepare(loaded.config, loaded.plugins);
      const before = { config: runtime.config, overlay: changes.overlay };
      const diff = diffConfigs(before, { config: loaded.config, overlay: wanted.overlay });
      const etag = etagOf(loaded.config);
      if (dryRun) update.discard();
      else {
        try {
          await changes.keep(wanted.overlay);
        } catch (error) {
          update.discard();
          throw error;
        }
        await update.leave();
        void update.commit();
        this.#loaded = loaded;
        this.#files.follow();
        this.#generation++;
        this.#etag = etag;
        this.#configuredAt = new Date().toISOString();
        await this.#overrides.apply(this.#setup.runtime.config);
        events.emit("config.applied", { generation: this.#generation, etag, diff, by });
      }
      const at = new Date().toISOString();
      return this.#remember({ ok: true, at, generation: this.#generation, etag, dryRun, diff });
    } catch (error) {
      const { kind, message } = explain(error, loaded);
      if (!dryRun) events.emit("config.rejected", { reason: message, by });
      return this.#remember(failure(kind, message), dryRun);
    }
  }

  #remember(result: ReloadResult, dryRun = result.ok && result.dryRun): ReloadResult {
    if (!dryRun) this.#lastReload = result;
    return result;
  }
}
