import { spawn } from "node:child_process";
import type { Events } from "../core/events.ts";

/**
 * Tells systemd how the program is (sd_notify(3)), where it was started by it. Node has no datagram sockets of the unix
 * kind, so `systemd-notify` says it: the unit needs NotifyAccess=all.
 */
export function notifySystemd(
  events: Events,
  env: Readonly<Record<string, string | undefined>> = process.env,
): void {
  if (env["NOTIFY_SOCKET"] === undefined) return;
  const interval = watchdogInterval(env);
  events.on("ready", ({ listeners }) => {
    notify("--ready", `--status=${listeners.length} listeners`);
    if (interval !== undefined) setInterval(() => notify("WATCHDOG=1"), interval).unref();
  });
  events.on("config.applied", ({ generation }) => notify(`--status=configuration ${generation} is in use`));
  events.on("config.rejected", () => notify("--status=the last configuration was rejected, see the log"));
  events.on("draining", ({ sessions }) => notify("STOPPING=1", `--status=draining ${sessions} sessions`));
}

/** Tells systemd that another process is the service from now on. */
export function notifySuccessor(pid: number): void {
  if (process.env["NOTIFY_SOCKET"] !== undefined) notify(`MAINPID=${pid}`);
}

/** Milliseconds: half of what systemd waits; undefined when it does not watch this process. */
function watchdogInterval(env: Readonly<Record<string, string | undefined>>): number | undefined {
  const { WATCHDOG_USEC: microseconds, WATCHDOG_PID: pid } = env;
  if (microseconds === undefined || (pid !== undefined && Number(pid) !== process.pid)) return undefined;
  return Number(microseconds) / 2000;
}

function notify(...words: readonly string[]): void {
  // without the program there is nobody to tell: systemd itself brings it
  spawn("systemd-notify", [`--pid=${process.pid}`, ...words], { stdio: "ignore" }).on("error", () => {});
}
