import { backendUses } from "../config/backend-uses.ts";
import type { BackendConfig, Config } from "../config/schema.ts";
import type { Plugins } from "../core/plugin.ts";
import { type Backing, type BackingContext, backingKey, buildBacking, isUnchanged } from "./backing.ts";
import { createBalancers } from "./balancers.ts";
import type { Material } from "./material.ts";

/** The backends of a configuration, by key; a shared one is there once. */
export type BackingMap = ReadonlyMap<string, Backing>;

export interface PreparedBackings {
  readonly all: BackingMap;
  of(config: BackendConfig): Backing;
  /** Closes those that were made and will not be used. */
  discard(): void;
}

/**
 * Makes what has changed of the backends of a configuration, with nothing started yet.
 *
 * @throws MaterialFaults when users' modules cannot make their balancers
 */
export function prepareBackings(
  before: BackingMap,
  { config, material, ...plugins }: Plugins & { readonly config: Config; readonly material: Material },
  given: Pick<BackingContext, "events" | "services">,
): PreparedBackings {
  const balancing = createBalancers(config, { ...plugins, events: given.events });
  const context: BackingContext = { ...plugins, ...given, balancing };
  const all = new Map<string, Backing>();
  const uses = config.tunnels.flatMap((tunnel) =>
    backendUses(tunnel).map((use) => ({ ...use, material: material.get(tunnel.name) })),
  );
  for (const { backend, route, material: read } of uses) {
    const key = backingKey(backend);
    if (all.has(key)) continue;
    const client = route === undefined ? read?.client : read?.routes?.[route]?.client;
    const parts = { config: backend, material: client };
    const old = before.get(key);
    all.set(key, old && isUnchanged(old, parts, context) ? old : buildBacking(parts, context, old));
  }
  return {
    all,
    of: (backend) => {
      const backing = all.get(backingKey(backend));
      if (!backing) throw new Error(`backend ${backend.name} was not made`);
      return backing;
    },
    discard: () => {
      for (const [key, backing] of all) if (before.get(key) !== backing) backing.close();
    },
  };
}

/** Ends what is not used any more and starts what is new; resolves when targets that must be found were looked for. */
export async function exchange(before: BackingMap, next: BackingMap): Promise<void> {
  for (const [key, backing] of before) if (next.get(key) !== backing) backing.close();
  await Promise.all(
    [...next].flatMap(([key, backing]) => (before.get(key) === backing ? [] : [backing.start()])),
  );
}
