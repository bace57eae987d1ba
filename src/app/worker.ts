import type { TargetMirror } from "../backend/targets.ts";
import { plugins as builtIn } from "../config/plugins.ts";
import { importPlugins } from "../config/user-plugins.ts";
import { Events } from "../core/events.ts";
import { reasonOf } from "../core/outcome.ts";
import { ListenError, listenOn, onListenEnd } from "../net/listen.ts";
import type { ServerHandle } from "../net/server-handle.ts";
import { errorCode } from "../net/socket-error.ts";
import { createLog, logWorkerEvents } from "../telemetry/log.ts";
import { Tallies } from "../telemetry/tally.ts";
import { filesOf } from "../tls/files.ts";
import { Engine, type Preparation } from "./engine.ts";
import { engineState, tunnelsOf } from "./engine-state.ts";
import { sessionEvents, tellEvents } from "./event-facts.ts";
import { tuneGarbageCollection } from "./garbage.ts";
import { checksOf } from "./health.ts";
import { loadMaterial, type Material } from "./material.ts";
import { MaterialFaults } from "./material-faults.ts";
import {
  type Failure,
  socketKey,
  type TargetDirectory,
  type ToWorker,
  type WorkerOrder,
  type WorkerSetting,
} from "./messages.ts";
import { dropPrivileges } from "./privileges.ts";
import { sessionStatus } from "./session-status.ts";
import { shareLimits } from "./share-limits.ts";
import { Uplink } from "./uplink.ts";

/** How long sessions may go on after the supervisor is gone, in milliseconds. */
const orphanPatience = 30 * 60_000;

/** Carries connections for a supervisor. Resolves when it has nothing left to do. */
export async function runWorker(setting: WorkerSetting): Promise<void> {
  // before anything of a stranger is looked at
  dropPrivileges(setting);
  tuneGarbageCollection();
  const log = createLog({ level: setting.level, format: "json", rejections: setting.rejections });
  try {
    const worker = new Worker(setting, (level) => {
      log.logger.level = level;
    });
    logWorkerEvents(worker.events, log);
    await worker.run();
  } finally {
    await log.flush();
  }
}

class Worker {
  readonly events = new Events();
  readonly #setting: WorkerSetting;
  readonly #setLevel: (level: WorkerSetting["level"]) => void;
  readonly #uplink = new Uplink();
  readonly #engine: Engine;
  readonly #tallies: Tallies;
  /** Somebody wants to hear what happens. */
  #followed = false;
  #material: Material = new Map();
  #pending: { readonly material: Material; readonly change: Preparation } | undefined;
  #committing: Promise<void> | undefined;
  readonly #over = Promise.withResolvers<void>();

  constructor(setting: WorkerSetting, setLevel: (level: WorkerSetting["level"]) => void) {
    this.#setting = setting;
    this.#setLevel = setLevel;
    this.#engine = new Engine({
      events: this.events,
      services: false,
      bind: async (server, address, { unixMode, scope }) => {
        const handle = await this.#uplink.bind({ address, unixMode, scope });
        onListenEnd(server, () => this.#uplink.send({ kind: "released", key: socketKey(address, scope) }));
        await listenOn(server, handle);
      },
    });
    this.#tallies = new Tallies({
      events: this.events,
      tunnelsOf: (backend) => tunnelsOf(this.#engine, backend),
      sessions: () => this.#engine.sessions(),
    });
    this.events.on("target.health", (verdict) => this.#uplink.send({ kind: "verdict", ...verdict }));
    tellEvents(this.events, {
      names: sessionEvents,
      wanted: () => this.#followed,
      tell: (told) => this.#uplink.send({ kind: "event", ...told }),
    });
  }

  async run(): Promise<void> {
    this.#uplink.onMessage((message, handle) => void this.#hear(message, handle));
    this.#uplink.onLost(() => this.#finish());
    this.#uplink.send({ kind: "started" });
    await this.#over.promise;
    this.#uplink.send({ kind: "drained" });
    await this.#uplink.close();
  }

  /** What was said after a commit holds for what was committed. */
  async #hear(message: ToWorker, handle: ServerHandle | undefined): Promise<void> {
    if (this.#committing) await this.#committing;
    await this.#obey(message, handle);
  }

  async #obey(message: ToWorker, handle: ServerHandle | undefined): Promise<void> {
    switch (message.kind) {
      case "prepare":
        return this.#prepare(message.order);
      case "commit":
        this.#committing = this.#commit();
        await this.#committing;
        this.#committing = undefined;
        return;
      case "discard":
        this.#pending?.change.discard();
        this.#pending = undefined;
        return;
      case "bound":
        return this.#uplink.bound(message, handle);
      case "targets":
        return this.#mirror(message.targets);
      case "ask":
        return this.#uplink.answer(message.request, this.#tellAbout(message.about));
      case "kill":
        return this.#uplink.answer(
          message.request,
          this.#engine.abort(message.id, "killed", "the operator has ended it"),
        );
      case "ping":
        return this.#uplink.send({
          kind: "pong",
          counts: this.#tallies.counts(),
          active: this.#engine.active,
        });
      case "follow":
        this.#followed = message.on;
        return;
      case "log-level":
        return this.#setLevel(message.level);
      case "close":
        return this.#finish();
      case "abort":
        return this.#engine.abortAll(message.outcome, message.reason);
    }
  }

  #tellAbout(about: Extract<ToWorker, { readonly kind: "ask" }>["about"]): unknown {
    switch (about) {
      case "state":
        return {
          ...engineState(this.#engine),
          counts: this.#tallies.counts(),
          active: this.#engine.active,
        };
      case "sessions":
        return [...this.#engine.sessions()].map((session) => sessionStatus(session, this.#setting.id));
      case "nothing":
        return undefined;
    }
  }

  async #prepare(order: WorkerOrder): Promise<void> {
    try {
      const config = shareLimits(order.config, this.#setting.of);
      const material = await loadMaterial(config, {
        files: filesOf(order.files),
        ticketSecret: Buffer.from(order.ticketSecret),
        previous: this.#material,
      });
      const { plugins } = await importPlugins(config.plugins ?? [], builtIn);
      const change = await this.#engine.prepare({ ...plugins, config, material });
      this.#pending = { material, change };
      this.#uplink.send({ kind: "prepared" });
    } catch (error) {
      this.#uplink.send({ kind: "failed", failure: failureOf(error) });
    }
  }

  async #commit(): Promise<void> {
    const pending = this.#pending;
    if (!pending) return;
    this.#pending = undefined;
    await pending.change.leave();
    this.#material = pending.material;
    void pending.change.commit();
  }

  #mirror(directory: TargetDirectory): void {
    for (const [key, states] of directory) {
      const backing = this.#engine.backings.get(key);
      if (!backing) continue;
      const probed = checksOf(backing.config) !== undefined;
      backing.backend.targets.mirror(states.map((state) => this.#ownView(state, probed)));
    }
  }

  /** Where nothing probes, each worker judges by its own sessions; of a limit it has its share. */
  #ownView({ spec, health, ...state }: TargetMirror, probed: boolean): TargetMirror {
    const { maxConnections } = spec;
    return {
      ...state,
      health: probed ? health : undefined,
      spec:
        maxConnections === undefined
          ? spec
          : { ...spec, maxConnections: Math.ceil(maxConnections / this.#setting.of) },
    };
  }

  /** Stops accepting, and is over when the last session is. */
  #finish(): void {
    this.#engine.close();
    // nobody is left to say how long to wait
    if (!process.connected)
      setTimeout(() => this.#engine.abortAll("drained", "the supervisor is gone"), orphanPatience).unref();
    void this.#engine.drained().then(() => this.#over.resolve());
  }
}

function failureOf(error: unknown): Failure {
  return {
    message: reasonOf(error),
    code: errorCode(error),
    listening: error instanceof ListenError,
    faults: error instanceof MaterialFaults ? error.faults : undefined,
  };
}
