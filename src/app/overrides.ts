import type { TargetOverride } from "../backend/targets.ts";
import { backendUses } from "../config/backend-uses.ts";
import type { Config, TunnelConfig } from "../config/schema.ts";
import type { TargetChange } from "../core/control.ts";
import { backingKey } from "./backing.ts";
import type { LiveChanges } from "./live-changes.ts";
import type { DataPlane } from "./plane.ts";
import { wordsIn } from "./target-changes.ts";

export interface OverrideChange {
  readonly tunnel: string;
  readonly key: string;
  readonly change: TargetChange;
  readonly by: string | undefined;
}

const none: TargetOverride = { admin: undefined, weight: undefined };

/** The operator's words about targets that are in force. */
export class Overrides {
  readonly #plane: DataPlane;
  readonly #changes: LiveChanges;
  readonly #inForce = new Map<string, { backend: string; key: string; override: TargetOverride }>();

  constructor(plane: DataPlane, changes: LiveChanges) {
    this.#plane = plane;
    this.#changes = changes;
  }

  /**
   * Says something else about a target, and keeps it.
   *
   * @throws StateError when it cannot be kept; nothing has changed then
   */
  async change(config: Config, { tunnel, key, change, by }: OverrideChange): Promise<void> {
    const { tunnels } = config;
    const found = tunnels.find(({ name }) => name === tunnel);
    if (!found) return;
    const backends = backendKeys(found);
    const [before = none] = [...backends].flatMap(
      (one) => this.#inForce.get(`${one}\n${key}`)?.override ?? [],
    );
    const next: TargetOverride = {
      admin: change.admin ?? before.admin,
      weight: change.weight === undefined ? before.weight : (change.weight ?? undefined),
    };
    const sharing = tunnels.flatMap((one) => (backendKeys(one).isDisjointFrom(backends) ? [] : [one.name]));
    await this.#changes.keep(this.#changes.withOverride({ tunnel, key, sharing }, next, by));
    await this.apply(config);
  }

  /**
   * Makes those of the live changes the ones that are in force, for the tunnels of this configuration. Resolves when they,
   * and it, are so in every process.
   */
  async apply({ tunnels }: Config): Promise<void> {
    const before = new Map(this.#inForce);
    this.#inForce.clear();
    for (const { tunnel, key, override } of wordsIn(this.#changes.overlay)) {
      const config = tunnels.find(({ name }) => name === tunnel);
      if (!config) continue;
      for (const backend of backendKeys(config))
        this.#inForce.set(`${backend}\n${key}`, { backend, key, override });
    }
    for (const [place, { backend, key }] of before)
      if (!this.#inForce.has(place)) this.#plane.overrideTarget(backend, key, none);
    for (const { backend, key, override } of this.#inForce.values())
      this.#plane.overrideTarget(backend, key, override);
    await this.#plane.inForce();
  }
}

/** One word about a target holds in all backends of the tunnel that have it. */
function backendKeys(tunnel: TunnelConfig): ReadonlySet<string> {
  return new Set(backendUses(tunnel).map(({ backend }) => backingKey(backend)));
}
