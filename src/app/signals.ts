import type { Control } from "../core/control.ts";
import type { Log } from "../telemetry/log.ts";

export interface StopSignals {
  /** The first TERM or INT. */
  first(): void;
  /** The second one, and every later one. */
  second(): void;
}

export interface Signals {
  /** From now on HUP reloads the configuration, and USR2 writes out the counters. Earlier ones are made up for. */
  serve(control: Pick<Control, "reload" | "metrics">, log: Log): void;
}

/** Listens from now on, so that a signal during the start is not lost, and none ends the program by default. */
export function onSignals({ first, second }: StopSignals): Signals {
  let stops = 0;
  const onStop = () => {
    stops++;
    (stops === 1 ? first : second)();
  };
  let reload = () => {
    early = true;
  };
  let early = false;
  let dump = () => {};
  process.on("SIGTERM", onStop);
  process.on("SIGINT", onStop);
  process.on("SIGHUP", () => reload());
  process.on("SIGUSR2", () => dump());
  return {
    serve: (control, log) => {
      // while it drains there is nothing that another configuration could change
      reload = () => void (stops === 0 && control.reload({ by: "SIGHUP" }));
      dump = () =>
        void control
          .metrics()
          .then((text) => log.logger.info({ event: "metrics", text }, "metrics as asked for"));
      if (early) reload();
    },
  };
}
