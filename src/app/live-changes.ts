import type { TargetOverride } from "../backend/targets.ts";
import { amend } from "../config/amend.ts";
import type { LoadedConfig } from "../config/load.ts";
import { type Overlay, withoutEntries } from "../config/overlay.ts";
import { formatOverlayPath } from "../config/overlay-path.ts";
import { redact } from "../config/redact.ts";
import type { ConfigChange, OverlayEntry } from "../core/control.ts";
import { writeState } from "./state-file.ts";

/** A target, and every tunnel that has it in common. */
export interface OverridePlace {
  readonly tunnel: string;
  readonly key: string;
  readonly sharing: readonly string[];
}

/** What was changed while running, in memory and, where there is one, in the state file. */
export class LiveChanges {
  readonly #file: string | undefined;
  #overlay: Overlay;

  /**
   * @param file the state file; without it, changes last as long as the program
   * @param overlay what was read from it
   */
  constructor(file: string | undefined, overlay: Overlay) {
    this.#file = file;
    this.#overlay = overlay;
  }

  get overlay(): Overlay {
    return this.#overlay;
  }

  /** As it may be shown. */
  shown(): readonly OverlayEntry[] {
    return this.#overlay.map((entry) => ({ ...entry, value: redact(entry.value) }));
  }

  /** What it would be with one more change. @throws AmendError */
  with(change: ConfigChange, loaded: LoadedConfig, by: string | undefined): Overlay {
    const { base, document } = loaded;
    return amend({ base, document, overlay: this.#overlay }, change, { at: new Date().toISOString(), by });
  }

  /** What it would be without the changes of this path, or without any. @throws AmendError */
  without(path: string | undefined): Overlay {
    return withoutEntries(this.#overlay, path);
  }

  /** What it would be with the operator's word about a target; nothing is left of one that says nothing. */
  withOverride(
    { tunnel, key, sharing }: OverridePlace,
    { admin, weight }: TargetOverride,
    by: string | undefined,
  ): Overlay {
    const path = formatOverlayPath({ list: "tunnels", name: tunnel, target: key });
    const paths = new Set(sharing.map((name) => formatOverlayPath({ list: "tunnels", name, target: key })));
    const rest = this.#overlay.filter((entry) => !paths.has(entry.path) || entry.change !== "target");
    const value = {
      ...(admin === undefined || admin === "enabled" ? {} : { admin }),
      ...(weight === undefined ? {} : { weight }),
    };
    if (Object.keys(value).length === 0) return rest;
    return [...rest, { path, change: "target", value, at: new Date().toISOString(), by }];
  }

  /**
   * Makes it what counts from now on; until this has resolved, the one before does.
   *
   * @throws StateError when it cannot be kept; nothing has changed then
   */
  async keep(overlay: Overlay): Promise<void> {
    if (this.#file !== undefined && overlay !== this.#overlay) await writeState(this.#file, overlay);
    this.#overlay = overlay;
  }
}
