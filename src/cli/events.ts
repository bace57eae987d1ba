import { setTimeout as delay } from "node:timers/promises";
import { styleText } from "node:util";
import { type Command, InvalidArgumentError } from "commander";
import type { ControlEvent } from "../core/control.ts";
import { printable } from "../telemetry/printable.ts";
import { CliError, exit } from "./cli-error.ts";
import type { ControlClient } from "./control-client.ts";
import { type ControlOptions, controlCommand, controlOf } from "./control-socket.ts";
import { parseDurationOption } from "./duration-option.ts";
import { writeOut } from "./output.ts";

interface EventsOptions extends ControlOptions {
  readonly follow?: boolean;
  readonly count?: number;
  /** Milliseconds. */
  readonly for?: number;
  readonly only?: readonly string[];
}

/** Milliseconds between two attempts to reach a program that has gone. */
const pause = 500;

/** `events`: what happens, a line each, until the program ends, the time is up or enough has happened. */
export function eventsCommand(): Command {
  return controlCommand("events", "show what happens, as it happens")
    .option("-f, --follow", "go on when the program has ended and is started anew")
    .option("--only <names...>", "only these events, for example session.closed target.health")
    .option("--count <n>", "end after so many", parseCount)
    .option("--for <duration>", "end after this time", parseDurationOption)
    .addHelpText("after", "\nWith --json each line is a JSON object.")
    .action(async (options: EventsOptions, command: Command) => {
      const control = await controlOf(command);
      const ending = new AbortController();
      const timer = options.for === undefined ? undefined : setTimeout(() => ending.abort(), options.for);
      try {
        await follow(control, { ...options, signal: ending.signal });
      } finally {
        clearTimeout(timer);
        ending.abort();
      }
    });
}

async function follow(
  control: ControlClient,
  {
    signal,
    count = Number.POSITIVE_INFINITY,
    only,
    json,
    ...options
  }: EventsOptions & { signal: AbortSignal },
): Promise<void> {
  const { Unreachable } = await import("./control-client.ts");
  let shown = 0;
  let reached = false;
  while (!signal.aborted) {
    try {
      for await (const event of control.events(signal, () => {
        reached = true;
      })) {
        if (only && !only.includes(event.name)) continue;
        await writeOut(json ? `${JSON.stringify(event)}\n` : eventLine(event));
        if (++shown >= count) return;
      }
      if (!options.follow) break;
    } catch (error) {
      if (signal.aborted) return;
      // the first time it is the user's mistake; later it is a restart
      if (!(options.follow && reached && error instanceof Unreachable)) throw error;
    }
    await delay(pause, undefined, { signal }).catch(() => {});
  }
  if (!signal.aborted && Number.isFinite(count))
    throw new CliError(exit.failed, `the program has ended after ${shown} of ${count} events`);
}

function eventLine({ at, name, facts }: ControlEvent): string {
  const clock = styleText("gray", new Date(at).toTimeString().slice(0, 8));
  const known = Object.entries(facts).flatMap(([key, value]) =>
    value === undefined || value === null
      ? []
      : [
          `${styleText("gray", `${printable(key)}=`)}${printable(typeof value === "string" ? value : JSON.stringify(value))}`,
        ],
  );
  return `${clock} ${styleText("bold", printable(name))} ${known.join(" ")}\n`;
}

function parseCount(text: string): number {
  const count = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (count < 1) throw new InvalidArgumentError("write a number of events, 1 or more.");
  return count;
}
