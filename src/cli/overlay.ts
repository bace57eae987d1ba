import { Command } from "commander";
import type { OverlayEntry } from "../core/control.ts";
import { CliError, exit } from "./cli-error.ts";
import { diffText } from "./config-diff.ts";
import { type ControlOptions, controlCommand, controlOf } from "./control-socket.ts";
import { writeJson, writeOut } from "./output.ts";
import { type Column, table } from "./table.ts";

interface DropOptions extends ControlOptions {
  readonly all?: boolean;
  readonly dryRun?: boolean;
}

/** `overlay`: what was changed while running and is not in the file. */
export function overlayCommand(): Command {
  return new Command("overlay")
    .description("what was changed while running and is not in the configuration file")
    .addCommand(showCommand(), { isDefault: true })
    .addCommand(dropCommand());
}

function showCommand(): Command {
  return controlCommand("show", "list the changes").action(
    async (options: ControlOptions, command: Command) => {
      const entries = await (await controlOf(command)).overlay();
      if (options.json) return writeJson(entries);
      await writeOut(
        entries.length === 0 ? "nothing: what runs is what the file says\n" : table(entries, columns),
      );
    },
  );
}

function dropCommand(): Command {
  return controlCommand("drop", "take changes back")
    .argument("[path]", "the change, as `overlay` shows it")
    .option("--all", "all of them: what runs is then what the file says")
    .option("--dry-run", "only show what would change")
    .action(async (path: string | undefined, options: DropOptions, command: Command) => {
      const { all, dryRun = false, json } = options;
      if ((path === undefined) === (all !== true))
        throw new CliError(exit.usage, "say which change to take back, or --all");
      const result = await (await controlOf(command)).dropOverlay(path, { dryRun });
      if (json) return writeJson(result);
      const head = `${path ?? "all changes"}: ${dryRun ? "taking it back would change" : "taken back"}`;
      await writeOut(`${head}\n${diffText(result.diff, "  the configuration stays as it is")}`);
    });
}

const columns: readonly Column<OverlayEntry>[] = [
  { title: "PATH", text: ({ path }) => path },
  { title: "CHANGE", text: ({ change }) => change },
  { title: "SINCE", text: ({ at }) => at.replace(/\.\d+Z$/, "Z") },
  { title: "BY", atLeast: 4, optional: true, text: ({ by }) => by ?? "" },
  {
    title: "VALUE",
    optional: true,
    atLeast: 8,
    text: ({ value }) => (value === undefined || value === null ? "" : JSON.stringify(value)),
  },
];
