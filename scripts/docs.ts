// Writes what is generated: config/schema.json and docs/configuration.md from the schema, the manual page from the commands.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { commandLine } from "../src/cli/command-line.ts";
import { configJsonSchema, dataJsonSchema } from "../src/config/json-schema.ts";
import { plugins } from "../src/config/plugins.ts";
import { referenceTables } from "./configuration-page.ts";
import { manualPage } from "./manual-page.ts";

const root = join(import.meta.dirname, "..");

/** The generated files by their path in the repository. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const introduction = readFileSync(join(import.meta.dirname, "configuration.md"), "utf8");
  return new Map([
    ["config/schema.json", `${JSON.stringify(configJsonSchema(plugins), null, 2)}\n`],
    ["docs/configuration.md", `${introduction}\n${referenceTables(dataJsonSchema(plugins))}`],
    ["man/equilibria-tunnel.1", manualPage(commandLine())],
  ]);
}

if (import.meta.main) {
  for (const [file, content] of generatedFiles()) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), content);
    console.log(`wrote ${file}`);
  }
}
