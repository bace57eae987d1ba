import type { Events } from "../core/events.ts";
import type { Outcome } from "../core/outcome.ts";
import type { Session } from "../core/session.ts";
import type { Log } from "./log.ts";

/** Outcomes that a stranger can bring about as often as he likes, and at little cost. */
const turnedAway: ReadonlySet<Outcome> = new Set([
  "limited",
  "refused",
  "handshake-failed",
  "bad-preamble",
  "no-route",
]);
/** Milliseconds. */
const interval = 1000;

/**
 * Keeps a flood of connections from flooding the log: beyond `rejections` lines a second, sessions that were turned away
 * are only counted, and one record a second tells how many of which outcome each tunnel had.
 *
 * @returns whether the record of this session is to be written
 */
export function damFlood(
  events: Events,
  { logger, rejections }: Pick<Log, "logger" | "rejections">,
): (session: Session) => boolean {
  if (rejections === 0) return () => true;
  /** By tunnel, then outcome. */
  let missed: Record<string, Record<string, number>> = {};
  let written = 0;
  let count = 0;
  let timer: NodeJS.Timeout | undefined;
  const tell = () => {
    clearTimeout(timer);
    timer = undefined;
    written = 0;
    if (count === 0) return;
    const record = { event: "sessions-turned-away", count, tunnels: missed };
    logger.info(record, `${count} more sessions were turned away within a second`);
    missed = {};
    count = 0;
    start();
  };
  const start = () => {
    if (timer === undefined) timer = setTimeout(tell, interval).unref();
  };
  // what has not been told by then never will be
  events.on("stopped", tell);
  return ({ tunnel, outcome = "internal-error" }) => {
    if (!turnedAway.has(outcome)) return true;
    start();
    // one line is kept for the count
    if (written < rejections - 1) {
      written++;
      return true;
    }
    count++;
    missed[tunnel] ??= {};
    const outcomes = missed[tunnel];
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    return false;
  };
}
