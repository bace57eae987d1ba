import type { Command } from "commander";
import { CliError, exit } from "./cli-error.ts";
import { type ControlOptions, controlCommand, controlOf } from "./control-socket.ts";
import { parseDurationOption } from "./duration-option.ts";
import { writeJson, writeOut } from "./output.ts";

interface HealthOptions extends ControlOptions {
  readonly ready?: boolean;
  /** Milliseconds. */
  readonly timeout: number;
}

/** `healthcheck`: 0 or 1 for those who start containers, which know no other codes. */
export function healthcheckCommand(): Command {
  return controlCommand("healthcheck", "exit with 0 when the running program works, else with 1")
    .option("--ready", "ask whether it takes connections: not while it drains")
    .option("--timeout <duration>", "how long to wait for an answer", parseDurationOption, 3000)
    .action(async ({ ready, json, timeout }: HealthOptions, command: Command) => {
      const control = await controlOf(command);
      const { ok, said } = await control
        .probe(ready ? "/readyz" : "/healthz", timeout)
        .catch((error: unknown) => {
          if (!(error instanceof CliError)) throw error;
          return { ok: false, said: error.message };
        });
      if (json) await writeJson({ ok, said });
      else if (ok) await writeOut(`${said}\n`);
      if (!ok) throw new CliError(exit.failed, `unhealthy: ${said}`);
    });
}
