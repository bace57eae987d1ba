import { Counter, Gauge, type Registry } from "@prometheus-io/client";
import type { Events } from "../core/events.ts";

/** Metrics of the program as a whole, fed by what is told: configurations taken over or not, workers that ended. */
export function declareProgram(registry: Registry, events: Events): void {
  const registers = [registry];
  const reloads = new Counter({
    name: "equilibria_config_reloads_total",
    help: "Configurations taken over or refused since the start, changes by the admin API among them",
    labelNames: ["result"],
    registers,
  });
  // rates and alerts need the series before the first failure
  reloads.inc({ result: "applied" }, 0);
  reloads.inc({ result: "rejected" }, 0);
  const successful = new Gauge({
    name: "equilibria_config_last_reload_successful",
    help: "Whether the last attempt to take over a configuration has worked, the start among them",
    registers,
  });
  successful.set(1);
  const timestamp = new Gauge({
    name: "equilibria_config_last_reload_timestamp_seconds",
    help: "When the configuration in use was taken over, in seconds since 1970",
    registers,
  });
  timestamp.set(Date.now() / 1000);
  const exits = new Counter({
    name: "equilibria_worker_exits_total",
    help: "Worker processes that have ended, and not because they were told to",
    registers,
  });
  events.on("config.applied", () => {
    reloads.inc({ result: "applied" });
    successful.set(1);
    timestamp.set(Date.now() / 1000);
  });
  events.on("config.rejected", () => {
    reloads.inc({ result: "rejected" });
    successful.set(0);
  });
  events.on("worker.ended", () => exits.inc());
}
