import { isDeepStrictEqual } from "node:util";
import { backendUses } from "../config/backend-uses.ts";
import type { Config, TunnelConfig } from "../config/schema.ts";
import { formatAddress } from "../core/address.ts";
import type { ConfigDiff } from "../core/control.ts";
import { backingKey } from "./backing.ts";
import { type Amended, targetChanges } from "./target-changes.ts";

/** What `next` changes, by name. */
export function diffConfigs(old: Amended, amended: Amended): ConfigDiff {
  const { config: before } = old;
  const { config: next } = amended;
  const tunnels = { before: byName(before), next: byName(next) };
  const listeners = compare(listenersOf(before), listenersOf(next));
  const names = compare([...tunnels.before.keys()], [...tunnels.next.keys()]);
  const targets = compare(targetsOf(before), targetsOf(next));
  return {
    listenersOpened: listeners.added,
    listenersClosed: listeners.removed,
    tunnelsAdded: names.added,
    tunnelsRemoved: names.removed,
    tunnelsChanged: [...tunnels.next].flatMap(([name, tunnel]) => {
      const old = tunnels.before.get(name);
      return old && !isDeepStrictEqual(old, tunnel) ? [name] : [];
    }),
    targetsAdded: targets.added.map(asTarget),
    targetsRemoved: targets.removed.map(asTarget),
    targetsChanged: targetChanges(old, amended),
    needsRestart: startOnly.filter((key) => !isDeepStrictEqual(before[key], next[key])),
  };
}

/** Blocks that are looked at when the program starts. */
const startOnly = [
  "log",
  "admin",
  "metrics",
  "workers",
  "user",
  "group",
] as const satisfies readonly (keyof Config)[];

function byName({ tunnels }: Config): ReadonlyMap<string, TunnelConfig> {
  return new Map(tunnels.map((tunnel) => [tunnel.name, tunnel]));
}

function listenersOf({ tunnels }: Config): readonly string[] {
  return tunnels.flatMap(({ name, frontend }) =>
    frontend.listen.map((address, index) => {
      const text = formatAddress(address);
      return address.kind === "tcp" && address.port === 0 ? `${text} (${name}, ${index + 1})` : text;
    }),
  );
}

/** Of each backend once, whoever shares it. */
function targetsOf({ tunnels }: Config): readonly string[] {
  const uses = tunnels.flatMap(backendUses);
  const backends = new Map(uses.map(({ backend }) => [backingKey(backend), backend]));
  return [...backends.values()].flatMap(({ name, targets }) =>
    targets.map(({ address }) => `${name}\n${formatAddress(address)}`),
  );
}

function asTarget(text: string): { readonly backend: string; readonly target: string } {
  const [backend = "", target = ""] = text.split("\n");
  return { backend, target };
}

function compare(before: readonly string[], next: readonly string[]) {
  return {
    added: next.filter((one) => !before.includes(one)),
    removed: before.filter((one) => !next.includes(one)),
  };
}
