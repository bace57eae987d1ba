import type { LoadedConfig } from "../config/load.ts";
import type { Overlay } from "../config/overlay.ts";
import { CliError, exit } from "./cli-error.ts";

export interface ConfigurationOptions {
  /** `-c FILE` */
  readonly config?: string;
}

/**
 * Loads what `-c FILE` or the specs on the command line say.
 *
 * @throws CliError with every error of the configuration
 */
export async function readConfiguration(
  specs: readonly string[],
  { config }: ConfigurationOptions,
): Promise<LoadedConfig> {
  if (config !== undefined && specs.length > 0)
    throw new CliError(exit.usage, "give either -c FILE or LISTEN:TARGET,TARGET… on the command line");
  if (config === undefined && specs.length === 0)
    throw new CliError(
      exit.usage,
      "nothing to run: give -c FILE or LISTEN:TARGET,TARGET… (--help shows examples)",
    );
  const { ConfigError, InputError } = await import("../config/load.ts");
  try {
    return await loadConfiguration(specs, { ...(config === undefined ? {} : { config }) });
  } catch (error) {
    if (error instanceof ConfigError) throw new CliError(exit.config, error.message, { cause: error });
    if (error instanceof InputError) throw new CliError(exit.noInput, error.message, { cause: error });
    throw error;
  }
}

/** The same with the errors of the loader, for those who read it again while it is in use. */
export async function loadConfiguration(
  specs: readonly string[],
  { config, overlay }: ConfigurationOptions & { readonly overlay?: Overlay },
): Promise<LoadedConfig> {
  const { loadWithPlugins } = await import("../config/user-plugins.ts");
  const { plugins } = await import("../config/plugins.ts");
  const from = config === undefined ? { specs } : { file: config };
  return loadWithPlugins(from, { env: process.env, overlay, ...plugins });
}

/** What a run and a check say when the files that a configuration names cannot be used; any other error as it is. */
export async function explainMaterial(error: unknown, { errorFor }: LoadedConfig): Promise<unknown> {
  const { MaterialFaults } = await import("../app/material-faults.ts");
  if (!(error instanceof MaterialFaults)) return error;
  return new CliError(exit.config, errorFor(error.faults).message, { cause: error });
}
