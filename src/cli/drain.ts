import type { Command } from "commander";
import { counted } from "../telemetry/quantities.ts";
import { type ControlOptions, controlCommand, controlOf } from "./control-socket.ts";
import { parseDurationOption } from "./duration-option.ts";
import { writeJson, writeOut } from "./output.ts";

/** `drain`: ends the program once its sessions are over. */
export function drainCommand(): Command {
  return controlCommand("drain", "accept no more, let sessions finish, then end the program")
    .option(
      "--deadline <duration>",
      "end sessions that are still there after it (default: drainTimeout of the configuration)",
      parseDurationOption,
    )
    .action(async (options: ControlOptions & { readonly deadline?: number }, command: Command) => {
      const control = await controlOf(command);
      const { workers, pid } = await control.status();
      const sessions = workers.reduce((sum, worker) => sum + worker.sessions, 0);
      await control.drain(options.deadline);
      if (options.json) return writeJson({ pid, sessions, draining: true });
      await writeOut(`process ${pid} drains: ${counted(sessions, "session")} under way\n`);
    });
}
