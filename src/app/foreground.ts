import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import type { AdminServer } from "../admin/server.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { Overlay } from "../config/overlay.ts";
import type { Config } from "../config/schema.ts";
import { Events } from "../core/events.ts";
import { createLog, logEvents } from "../telemetry/log.ts";
import { defaultRejections } from "../telemetry/options.ts";
import { startAdmin } from "./admin.ts";
import { Controller } from "./controller.ts";
import { refuseUnsafeEnvironment } from "./environment-guard.ts";
import { tuneGarbageCollection } from "./garbage.ts";
import { givenSockets } from "./given-sockets.ts";
import type { LiveChanges } from "./live-changes.ts";
import { LocalPlane } from "./local-plane.ts";
import type { DataPlane } from "./plane.ts";
import { type Runtime, start } from "./runtime.ts";
import { onSignals } from "./signals.ts";
import { Sockets } from "./sockets.ts";
import { notifySuccessor, notifySystemd } from "./systemd.ts";
import { announceReady, startSuccessor } from "./upgrade.ts";
import { WorkersPlane, type WorkersSetup } from "./workers-plane.ts";

export interface ForegroundOptions {
  /** The configuration file; undefined when the tunnels were given on the command line. */
  readonly file: string | undefined;
  /** What was changed while an earlier run, which the configuration holds already. */
  readonly changes: LiveChanges;
  /** Reads the files anew; throws what `loadConfig` does. */
  load(overlay: Overlay): Promise<LoadedConfig>;
  /** Start although the environment weakens TLS. */
  readonly insecureDebug: boolean;
}

/**
 * Runs a configuration until TERM or INT. Resolves when every session is over.
 *
 * @throws UnsafeEnvironment, MaterialFaults, ListenError
 */
export async function runForeground(
  loaded: LoadedConfig,
  { file, changes, load, insecureDebug }: ForegroundOptions,
): Promise<void> {
  const { config, plugins } = loaded;
  tuneGarbageCollection();
  if (!insecureDebug) refuseUnsafeEnvironment(process.env, process.execArgv);
  const log = createLog(config.log);
  let admin: AdminServer | undefined;
  try {
    const events = new Events();
    logEvents(events, log);
    const { promise: ending, resolve: end } = Promise.withResolvers<number | undefined>();
    const { promise: stopping, resolve: stop } = Promise.withResolvers<undefined>();
    const signals = onSignals({
      first: () => end(config.drainTimeoutMs),
      second: () => stop(undefined),
    });
    const ticketSecret = randomBytes(32);
    const sockets = new Sockets(givenSockets());
    const plane = choosePlane(config, { events, log, ticketSecret, sockets });
    notifySystemd(events);
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    let controller: Controller | undefined;
    const control = async (runtime: Runtime) => {
      controller = new Controller({
        ...{ runtime, events, log, file, loaded, changes, load, opened },
        replace: async () => {
          const pid = await startSuccessor(sockets.open);
          sockets.handOver();
          notifySuccessor(pid);
          end(runtime.config.drainTimeoutMs);
          return pid;
        },
        end: ({ deadlineMs }) => {
          if (deadlineMs === undefined) stop(undefined);
          end(deadlineMs);
        },
      });
      if (config.admin)
        admin = await startAdmin(config.admin, { control: controller, events, plugins, bind: sockets.bind });
      signals.serve(controller, log);
      return admin?.addresses ?? [];
    };
    const runtime = await start(config, {
      ...plugins,
      events,
      plane,
      ticketSecret,
      bind: sockets.bind,
      insecureDebug,
      beforeReady: control,
    });
    announceReady();
    open();
    const deadlineMs = await Promise.race([ending, stopping]);
    controller?.noteEnd(deadlineMs === undefined ? "stopping" : "draining");
    const sessions = await runtime.close();
    const ended = deadlineMs === undefined ? runtime.stop() : runtime.drain(deadlineMs);
    await Promise.race([ended, stopping.then(() => runtime.stop())]);
    events.emit("stopped", { sessions });
  } finally {
    admin?.close();
    await log.flush();
  }
}

/** One process does everything, unless there are to be several or others are to own it. */
function choosePlane(
  { workers, user, group, log: { rejections = defaultRejections } }: Config,
  context: Pick<WorkersSetup, "events" | "log" | "ticketSecret" | "sockets">,
): DataPlane {
  const count = workers === "auto" ? availableParallelism() : workers;
  if (count === 1 && user === undefined && group === undefined) {
    const { events, sockets } = context;
    return new LocalPlane({ events, bind: sockets.bind });
  }
  return new WorkersPlane({ ...context, count, user, group, rejections });
}
