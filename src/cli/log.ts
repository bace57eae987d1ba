import { Argument, Command } from "commander";
import { type LogLevel, logLevels } from "../core/control.ts";
import { formatAge } from "../telemetry/quantities.ts";
import { CliError, exit } from "./cli-error.ts";
import { type ControlOptions, controlCommand, controlOf } from "./control-socket.ts";
import { parseDurationOption } from "./duration-option.ts";
import { writeJson, writeOut } from "./output.ts";

interface LevelOptions extends ControlOptions {
  /** Milliseconds. */
  readonly for?: number;
}

/** `log level` */
export function logCommand(): Command {
  const level = controlCommand("level", "show or set the level of the log")
    .addArgument(new Argument("[level]", "the least important records to write").choices(logLevels))
    .option("--for <duration>", "the level before is back after it, for example 10m", parseDurationOption)
    .action(async (wanted: LogLevel | undefined, options: LevelOptions, command: Command) => {
      const { for: forMs, json } = options;
      if (wanted === undefined && forMs !== undefined)
        throw new CliError(exit.usage, "say which level is to hold for that time");
      if (forMs === 0) throw new CliError(exit.usage, "--for 0 is no time; leave it out to keep the level");
      const control = await controlOf(command);
      const now = await (wanted === undefined ? control.logLevel() : control.setLogLevel(wanted, forMs));
      if (json) return writeJson(now);
      await writeOut(`${now.level}${forMs === undefined ? "" : ` for ${formatAge(forMs)}`}\n`);
    });
  return new Command("log").description("the log of the running program").addCommand(level);
}
