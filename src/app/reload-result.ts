import { createHash } from "node:crypto";
import { AmendError } from "../config/amend-error.ts";
import { ConfigError, InputError, type LoadedConfig } from "../config/load.ts";
import type { ReloadFailure, ReloadResult } from "../core/control.ts";
import { reasonOf } from "../core/outcome.ts";
import { ListenError } from "../net/listen.ts";
import { MaterialFaults } from "./material-faults.ts";
import { StateError } from "./state-file.ts";

export function failure(kind: ReloadFailure, message: string): ReloadResult {
  return { ok: false, at: new Date().toISOString(), kind, message };
}

/** What an error has against the configuration, as `check` says it. */
export function explain(
  error: unknown,
  loaded: LoadedConfig | undefined,
): { kind: ReloadFailure; message: string } {
  if (error instanceof MaterialFaults && loaded)
    return { kind: "invalid", message: loaded.errorFor(error.faults).message };
  if (error instanceof ConfigError || error instanceof InputError)
    return { kind: "invalid", message: error.message };
  if (error instanceof AmendError) return { kind: error.kind, message: error.message };
  if (error instanceof StateError)
    return {
      kind: "failed",
      message: `${error.message}; nothing was changed, the old configuration serves on`,
    };
  return { kind: error instanceof ListenError ? "cannot-listen" : "failed", message: reasonOf(error) };
}

/** Another configuration has another one, whatever its text looked like. */
export function etagOf(config: object): string {
  const text = JSON.stringify(config, (_, value: unknown) =>
    value instanceof RegExp ? String(value) : value,
  );
  return `"${createHash("sha256").update(text).digest("base64url").slice(0, 22)}"`;
}
