import type { TargetOverride } from "../backend/targets.ts";
import { backendUses } from "../config/backend-uses.ts";
import type { Overlay } from "../config/overlay.ts";
import { parseOverlayPath } from "../config/overlay-path.ts";
import type { Config } from "../config/schema.ts";
import { formatAddress } from "../core/address.ts";
import type { TargetSpec } from "../core/backend.ts";
import type { TargetSetting, TargetSettingChange, TargetSettingsChange } from "../core/control.ts";
import { backingKey } from "./backing.ts";

/** A configuration, and what was changed while running. */
export interface Amended {
  readonly config: Config;
  readonly overlay: Overlay;
}

/** The operator's word about a target of a tunnel. */
export interface TargetWord {
  readonly tunnel: string;
  readonly key: string;
  readonly override: TargetOverride;
}

interface BackendView {
  readonly name: string;
  /** Those that the configuration names; others may be discovered. */
  readonly named: ReadonlyMap<string, TargetSpec>;
  readonly words: Map<string, TargetOverride>;
}

/** The operator's word about targets that an overlay holds. */
export function wordsIn(overlay: Overlay): readonly TargetWord[] {
  return overlay.flatMap(({ path, change, value }) => {
    const place = parseOverlayPath(path);
    if (change !== "target" || place?.list !== "tunnels" || place.target === undefined) return [];
    const { admin, weight } = value as Partial<TargetOverride>;
    return [{ tunnel: place.name, key: place.target, override: { admin, weight } }];
  });
}

/** The targets that stay but get other settings, by the file or by the operator's word. */
export function targetChanges(before: Amended, next: Amended): readonly TargetSettingsChange[] {
  const after = viewsOf(next);
  return [...viewsOf(before)].flatMap(([backend, old]) => {
    const now = after.get(backend);
    if (!now) return [];
    const keys = new Set([old, now].flatMap(({ named, words }) => [...named.keys(), ...words.keys()]));
    return [...keys].flatMap((target) => {
      // one that comes or goes is told as that
      if (old.named.has(target) !== now.named.has(target)) return [];
      const changes = compare(settingsOf(old, target), settingsOf(now, target));
      return changes.length > 0 ? [{ backend: now.name, target, changes }] : [];
    });
  });
}

/** By the key of the backend. */
function viewsOf({ config, overlay }: Amended): ReadonlyMap<string, BackendView> {
  const words = wordsIn(overlay);
  const views = new Map<string, BackendView>();
  for (const tunnel of config.tunnels) {
    for (const { backend } of backendUses(tunnel)) {
      const key = backingKey(backend);
      const view = views.get(key) ?? {
        name: backend.name,
        named: new Map(backend.targets.map((target) => [formatAddress(target.address), target])),
        words: new Map(),
      };
      views.set(key, view);
      for (const word of words) if (word.tunnel === tunnel.name) view.words.set(word.key, word.override);
    }
  }
  return views;
}

type Settings = { readonly [Setting in TargetSetting]: TargetSettingChange["before"] };

function settingsOf({ named, words }: BackendView, target: string): Settings {
  const spec = named.get(target);
  const word = words.get(target);
  return {
    admin: word?.admin ?? "enabled",
    weight: word?.weight ?? spec?.weight ?? null,
    priority: spec?.priority ?? 0,
    maxConnections: spec?.maxConnections ?? null,
  };
}

function compare(before: Settings, next: Settings): readonly TargetSettingChange[] {
  return (["admin", "weight", "priority", "maxConnections"] as const).flatMap((setting) =>
    before[setting] === next[setting] ? [] : [{ setting, before: before[setting], next: next[setting] }],
  );
}
