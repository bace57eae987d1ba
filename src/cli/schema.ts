import { Command } from "commander";
import { type ConfigurationOptions, readConfiguration } from "./configuration.ts";
import { writeOut } from "./output.ts";

/** `schema`: the JSON Schema of the configuration, for editors. */
export function schemaCommand(print: (text: string) => Promise<void> = writeOut): Command {
  return new Command("schema")
    .description("print the JSON Schema of the configuration, for editors")
    .option("-c, --config <file>", "with the plugins of this configuration")
    .action(async (_own: ConfigurationOptions, command: Command) => {
      const { configJsonSchema } = await import("../config/json-schema.ts");
      // the program has a -c of its own, which may have taken ours
      const options: ConfigurationOptions = command.optsWithGlobals();
      const { plugins } =
        options.config === undefined
          ? await import("../config/plugins.ts")
          : await readConfiguration([], options);
      await print(`${JSON.stringify(configJsonSchema(plugins), null, 2)}\n`);
    });
}
