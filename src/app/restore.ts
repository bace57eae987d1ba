import { ConfigError, type LoadedConfig } from "../config/load.ts";
import { LiveChanges } from "./live-changes.ts";
import { readState, StateError } from "./state-file.ts";

export { StateError } from "./state-file.ts";

/** A configuration with everything in it that was changed while an earlier run, and the memory of that. */
export interface Restored {
  readonly loaded: LoadedConfig;
  readonly changes: LiveChanges;
}

/** @throws StateError, ConfigError */
export async function restoreChanges(loaded: LoadedConfig): Promise<Restored> {
  const file = loaded.config.admin?.state;
  const overlay = file === undefined ? [] : await readState(file);
  const changes = new LiveChanges(file, overlay);
  if (overlay.length === 0) return { loaded, changes };
  try {
    return { loaded: loaded.withOverlay(overlay), changes };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new StateError(
      `${error.message}\nthe changes made while running, kept in ${file}, do not fit the configuration file any more: mend the file, or move ${file} away to start without them`,
      { cause: error },
    );
  }
}
