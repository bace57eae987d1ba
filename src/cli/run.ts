import type { Command } from "commander";
import type { LoadedConfig } from "../config/load.ts";
import { CliError, exit } from "./cli-error.ts";
import {
  type ConfigurationOptions,
  explainMaterial,
  loadConfiguration,
  readConfiguration,
} from "./configuration.ts";

interface RunOptions extends ConfigurationOptions {
  readonly insecureDebug?: boolean;
}

/** Makes running a configuration what the program does without a command. */
export function addRun(root: Command): Command {
  return root
    .argument("[specs...]", "LISTEN:TARGET,TARGET… instead of a file, several allowed")
    .option("-c, --config <file>", "configuration file")
    .option("--insecure-debug", "start although the environment turns TLS checks off or logs its keys")
    .action(async (specs: readonly string[], options: RunOptions) => {
      const { loaded, changes } = await restore(await readConfiguration(specs, options));
      const { runForeground } = await import("../app/foreground.ts");
      try {
        await runForeground(loaded, {
          file: options.config,
          changes,
          load: (overlay) => loadConfiguration(specs, { ...options, overlay }),
          insecureDebug: options.insecureDebug === true,
        });
      } catch (error) {
        throw await explain(await explainMaterial(error, loaded));
      }
    });
}

/** Makes again what was changed while an earlier run. @throws CliError */
async function restore(loaded: LoadedConfig) {
  const { restoreChanges, StateError } = await import("../app/restore.ts");
  const { ConfigError } = await import("../config/load.ts");
  try {
    return await restoreChanges(loaded);
  } catch (error) {
    if (error instanceof StateError || error instanceof ConfigError)
      throw new CliError(exit.config, error.message, { cause: error });
    throw error;
  }
}

/** What kept the program from starting, with its exit code; anything else is returned as it is. */
async function explain(error: unknown): Promise<unknown> {
  const { UnsafeEnvironment } = await import("../app/environment-guard.ts");
  const { ListenError } = await import("../net/listen.ts");
  if (error instanceof UnsafeEnvironment) return new CliError(exit.config, error.message, { cause: error });
  if (!(error instanceof ListenError)) return error;
  const forbidden = error.code === "EACCES" || error.code === "EPERM";
  return new CliError(forbidden ? exit.noPermission : exit.cannotCreate, error.message, { cause: error });
}
