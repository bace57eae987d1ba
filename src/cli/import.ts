import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { Argument, Command } from "commander";
import { counted } from "../telemetry/quantities.ts";
import { CliError, exit } from "./cli-error.ts";
import { writeOut } from "./output.ts";

/** `import`: another program's configuration as ours, on standard output. */
export function importCommand(): Command {
  return new Command("import")
    .description("turn another program's configuration into a commented YAML file, on standard output")
    .addArgument(new Argument("<format>", "whose file it is").choices(["stunnel"]))
    .argument("<file>", "the file, such as /etc/stunnel/stunnel.conf")
    .addHelpText(
      "after",
      "\nWhat cannot be carried over is a comment that names the line. Exits with 1 when nothing could be,\nand with 78 when a line is neither a setting nor a section.",
    )
    .action(async (_format: string, file: string) => {
      const { importStunnel } = await import("../config/import/stunnel/import-stunnel.ts");
      const text = readText(file);
      const { yaml, refused, unreadable } = importStunnel(text, { source: basename(file), readFolder });
      if (unreadable.length > 0)
        throw new CliError(
          exit.config,
          unreadable
            .map(
              ({ file: included, line }) =>
                `${included ?? file}:${line}: neither "name = value" nor "[service]"`,
            )
            .join("\n"),
        );
      if (yaml === undefined)
        throw new CliError(
          exit.failed,
          [`${file}: no service can be carried over`, ...refused.map((line) => `  ${line}`)].join("\n"),
        );
      await writeOut(yaml);
      if (refused.length > 0)
        process.stderr.write(`${counted(refused.length, "line")} not carried over: see the comments\n`);
    });
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause && cause.code === "EACCES";
    throw new CliError(code ? exit.noPermission : exit.noInput, `cannot read ${file}: ${String(cause)}`, {
      cause,
    });
  }
}

function readFolder(folder: string) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
    .map(({ name }) => name)
    .toSorted()
    .map((name) => ({ name: join(folder, name), text: readFileSync(join(folder, name), "utf8") }));
}
