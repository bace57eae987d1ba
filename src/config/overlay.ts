import type { OverlayEntry } from "../core/control.ts";
import { AmendError } from "./amend-error.ts";
import { applyPatch } from "./merge-patch.ts";
import { formatOverlayPath, type OverlayPlace, parseOverlayPath } from "./overlay-path.ts";
import {
  expandTunnel,
  patchTarget,
  type TargetContext,
  targetKey,
  targetsOf,
  withTargets,
} from "./target-list.ts";

/** A block as a file has it, `${NAME}` and all. */
export interface BaseBlock extends TargetContext {
  readonly block: unknown;
}

/** The tunnels and backends of the files, before anything was changed while running. */
export interface Base {
  readonly tunnels: ReadonlyMap<string, BaseBlock>;
  readonly backends: ReadonlyMap<string, BaseBlock>;
  /** For blocks that no file has. */
  readonly context: TargetContext;
}

export type Overlay = readonly OverlayEntry[];

/** What a tunnel or a shared backend is with everything that was changed while running. */
export interface Overlaid {
  /** Undefined when there is none. */
  readonly block: unknown;
  /** Whether it is other than the file has it. */
  readonly changed: boolean;
}

/** @param place of a tunnel or a backend as a whole */
export function overlaid(
  base: Base,
  overlay: Overlay,
  { list, name }: Omit<OverlayPlace, "target">,
): Overlaid {
  const original = base[list].get(name);
  const context = original ?? base.context;
  let block = original?.block;
  let changed = false;
  const whole = overlay.find(({ path }) => path === formatOverlayPath({ list, name, target: undefined }));
  switch (whole?.change) {
    case "put":
      block = whole.value;
      changed = true;
      break;
    case "delete":
      block = undefined;
      changed = true;
      break;
    case "patch":
      // nothing is left of a patch whose block has gone from the file
      if (block === undefined) break;
      block = applyPatch(list === "tunnels" ? expandTunnel(block) : block, whole.value);
      changed = true;
      break;
  }
  for (const entry of overlay) {
    const place = parseOverlayPath(entry.path);
    if (block === undefined || place?.list !== list || place.name !== name || place.target === undefined)
      continue;
    const next = changeTarget(block, { ...entry, key: place.target, list, context });
    if (next === block) continue;
    block = next;
    changed = true;
  }
  return { block, changed };
}

interface TargetEntry extends Pick<OverlayEntry, "change" | "value"> {
  readonly key: string;
  readonly list: OverlayPlace["list"];
  readonly context: TargetContext;
}

function changeTarget(block: unknown, { change, value, key, list, context }: TargetEntry): unknown {
  const tunnel = list === "tunnels" ? (expandTunnel(block) as { readonly backend?: unknown }) : undefined;
  const backend = tunnel ? tunnel.backend : block;
  const targets = targetsOf(backend);
  const index = targets.findIndex((target) => targetKey(target, context) === key);
  let next: readonly unknown[];
  switch (change) {
    case "put":
      next = index < 0 ? [...targets, value] : targets.with(index, value);
      break;
    case "patch":
      if (index < 0) return block;
      next = targets.with(index, patchTarget(targets[index], value));
      break;
    case "delete":
      if (index < 0) return block;
      next = targets.toSpliced(index, 1);
      break;
    case "target":
      // the operator's word is no part of the configuration
      return block;
  }
  const changed = withTargets(backend, next);
  return tunnel ? { ...tunnel, backend: changed } : changed;
}

/** Every name of a list, those of the files first. */
export function namesOf(base: Base, overlay: Overlay, list: OverlayPlace["list"]): readonly string[] {
  const added = overlay.flatMap(({ path, change }) => {
    const place = parseOverlayPath(path);
    return place?.list === list && place.target === undefined && change === "put" ? [place.name] : [];
  });
  return [...new Set([...base[list].keys(), ...added])];
}

/** The overlay without the entries of a path, or of any. @throws AmendError */
export function withoutEntries(overlay: Overlay, path: string | undefined): Overlay {
  if (path === undefined) return [];
  const left = overlay.filter((entry) => entry.path !== path);
  if (left.length === overlay.length)
    throw new AmendError("unknown", `there is no change of ${JSON.stringify(path)} to take back`);
  return left;
}
