import type { Command } from "commander";
import { diffText } from "./config-diff.ts";
import { type ControlOptions, controlCommand, controlOf } from "./control-socket.ts";
import { writeJson, writeOut } from "./output.ts";

/** `reload`: takes the file over, or shows what would change. */
export function reloadCommand(): Command {
  return controlCommand("reload", "validate the configuration file and take it over; show what changes")
    .option("--dry-run", "only show what would change")
    .action(async (options: ControlOptions & { readonly dryRun?: boolean }, command: Command) => {
      const dryRun = options.dryRun === true;
      const result = await (await controlOf(command)).reload({ dryRun });
      if (options.json) return writeJson(result);
      const head = dryRun
        ? `valid; a reload of generation ${result.generation} would change:`
        : `generation ${result.generation} is in use:`;
      await writeOut(`${head}\n${diffText(result.diff)}`);
    });
}
