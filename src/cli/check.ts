import { Command } from "commander";
import { Events } from "../core/events.ts";
import { type ConfigurationOptions, explainMaterial, readConfiguration } from "./configuration.ts";

/** `check`: validates and does nothing else. All errors go to standard error with exit code 78. */
export function checkCommand(print: (line: string) => void = console.log): Command {
  return new Command("check")
    .description("validate a configuration and the files it names, report every error")
    .argument("[specs...]", "LISTEN:TARGET,TARGET… instead of a file, several allowed")
    .option("-c, --config <file>", "configuration file")
    .action(async (specs: readonly string[], _own: ConfigurationOptions, command: Command) => {
      // the program has a -c of its own, which may have taken ours
      const options: ConfigurationOptions = command.optsWithGlobals();
      const loaded = await readConfiguration(specs, options);
      const { tunnels } = loaded.config;
      const { loadMaterial } = await import("../app/material.ts");
      const { loadAdmin } = await import("../app/admin.ts");
      const { createBalancers } = await import("../app/balancers.ts");
      try {
        await loadMaterial(loaded.config);
        if (loaded.config.admin) await loadAdmin(loaded.config.admin);
        createBalancers(loaded.config, { ...loaded.plugins, events: new Events() });
      } catch (error) {
        throw await explainMaterial(error, loaded);
      }
      const count = tunnels.length === 1 ? "1 tunnel" : `${tunnels.length} tunnels`;
      print(`${options.config ?? "command line"}: ok, ${count}`);
    });
}
