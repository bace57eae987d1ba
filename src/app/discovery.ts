import { Follow } from "../backend/discovery/follow.ts";
import type { Targets } from "../backend/targets.ts";
import type { BackendConfig } from "../config/schema.ts";
import type { Provider, TargetSpec } from "../core/backend.ts";
import type { Events } from "../core/events.ts";
import type { Plugins } from "../core/plugin.ts";

/** The targets that the configuration names. */
export function fixedTargets({ targets }: BackendConfig): readonly TargetSpec[] {
  return targets.map(({ tls: own, ...target }) => ({
    ...target,
    ...(own ? { serverName: own.serverName } : {}),
  }));
}

/** What keeps a backend's targets as its provider finds them, not started; undefined where all are named. */
export function buildFollow(
  config: BackendConfig,
  { targets, providers, events }: Plugins & { readonly targets: Targets; readonly events: Events },
): Follow | undefined {
  const { discover } = config;
  if (!discover) return undefined;
  const plugin = providers.find(({ name }) => name === discover.provider);
  if (!plugin) throw new Error(`no provider is called ${discover.provider}`);
  const provider = plugin.create(discover.options);
  return new Follow({
    backend: config.name,
    // one name for all, where the configuration gives one, goes before those that are found
    provider: typeof config.tls?.serverName !== "string" ? provider : nameless(provider),
    fixed: fixedTargets(config),
    targets,
    events,
  });
}

function nameless(provider: Provider): Provider {
  return {
    async *watch(signal) {
      for await (const found of provider.watch(signal))
        yield found.map((spec) => ({ ...spec, serverName: undefined }));
    },
  };
}
