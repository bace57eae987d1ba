import type { Logger } from "pino";
import type { Events } from "../core/events.ts";

/** Milliseconds between two records about the same plugin: it may fail once per session. */
const interval = 60_000;

/** Logs the first failure of a plugin at once, those that follow once a minute, by their number and the last reason. */
export function logPluginFailures(events: Events, logger: Logger): void {
  const quiet = new Map<string, { failures: number; reason: string }>();
  const write = (plugin: string, { failures, reason }: { failures: number; reason: string }) => {
    logger.error(
      { event: "plugin-failed", plugin, failures, reason },
      `plugin ${plugin} has failed, round robin chooses for it`,
    );
    quiet.set(plugin, { failures: 0, reason });
    setTimeout(wake, interval, plugin).unref();
  };
  const wake = (plugin: string) => {
    const missed = quiet.get(plugin);
    quiet.delete(plugin);
    if (missed && missed.failures > 0) write(plugin, missed);
  };
  events.on("plugin.failed", ({ plugin, reason }) => {
    const missed = quiet.get(plugin);
    if (!missed) return write(plugin, { failures: 1, reason });
    missed.failures++;
    missed.reason = reason;
  });
}
