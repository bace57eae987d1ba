import { isDeepStrictEqual } from "node:util";
import { Backend } from "../backend/backend.ts";
import { negotiateWith } from "../backend/negotiate.ts";
import { proxyGreeting } from "../backend/proxy-greeting.ts";
import type { BackendConfig } from "../config/schema.ts";
import type { Target } from "../core/backend.ts";
import type { Events } from "../core/events.ts";
import type { Plugins } from "../core/plugin.ts";
import type { Stage } from "../core/stage.ts";
import type { ClientTls } from "../tls/contexts.ts";
import { originate } from "../tls/originate.ts";
import type { Balancers } from "./balancers.ts";
import { buildFollow, fixedTargets } from "./discovery.ts";
import { buildMonitor, checksOf } from "./health.ts";
import type { Loaded } from "./material.ts";
import { clientNegotiation } from "./negotiations.ts";

/** A backend, what it was made of, and what runs beside its sessions. */
export interface Backing {
  readonly config: BackendConfig;
  readonly material: Loaded<ClientTls> | undefined;
  readonly backend: Backend;
  /**
   * Takes over from the backing that it replaces, if any, and starts what runs by itself; resolves when targets that must
   * be found were looked for.
   */
  start(): Promise<void>;
  /** Ends what runs by itself. Sessions under way go on. */
  close(): void;
}

export interface BackingContext extends Plugins {
  readonly events: Events;
  readonly balancing: Balancers;
  /** Whether targets are looked for and checked here; a worker is told what comes of it. */
  readonly services: boolean;
}

/** A tunnel's own backend and a shared one may have the same name. */
export function backingKey({ shared, name }: Pick<BackendConfig, "shared" | "name">): string {
  return `${shared ? "shared" : "own"} ${name}`;
}

/** Whether `before` can simply go on. */
export function isUnchanged(
  before: Backing,
  { config, material }: Pick<Backing, "config" | "material">,
  { balancers }: Plugins,
): boolean {
  const users = balancers.find(({ name }) => name === config.balance.algorithm)?.file !== undefined;
  return !users && before.material === material && isDeepStrictEqual(before.config, config);
}

/** @param previous what it replaces: targets with the same address keep their state */
export function buildBacking(
  { config, material }: Pick<Backing, "config" | "material">,
  context: BackingContext,
  previous?: Backing,
): Backing {
  const client = material?.value;
  const negotiation = clientNegotiation(config);
  const backend = new Backend({
    name: config.name,
    specs: fixedTargets(config),
    targets: previous?.backend.targets,
    balancer: context.balancing.of(config),
    dial: {
      greeting: config.proxyProtocol && proxyGreeting(config.proxyProtocol),
      stages:
        client || negotiation
          ? stagesPerTarget((target) => {
              const tls = client && originate(client, target);
              if (negotiation) return negotiateWith(negotiation, tls);
              return tls ? [tls] : [];
            })
          : () => [],
    },
    connect: config.failover === "off" ? { ...config.connect, attempts: 1, race: 0 } : config.connect,
    passive: { ...config.passive, maxEjected: config.passive.maxEjected / 100 },
    probed: checksOf(config) !== undefined,
    initial: checksOf(config)?.initial ?? "up",
    slowStart: config.slowStart,
    events: context.events,
  });
  const { targets } = backend;
  // what lives on must not hold what it replaces, which would hold the one before it, and so on
  const replaces = previous !== undefined;
  const follow = context.services ? buildFollow(config, { ...context, targets }) : undefined;
  const monitor = context.services
    ? buildMonitor(config, { ...context, targets, client, negotiation })
    : undefined;
  return {
    config,
    material,
    backend,
    start: async () => {
      if (replaces) backend.takeOver({ provided: config.discover !== undefined });
      const found = follow?.start();
      monitor?.start();
      await found;
    },
    close: () => {
      follow?.close();
      monitor?.close();
      backend.close();
    },
  };
}

/** Makes the stages of a target on its first session, and forgets them with it. */
function stagesPerTarget(make: (target: Target) => readonly Stage[]): (target: Target) => readonly Stage[] {
  const made = new WeakMap<Target, readonly Stage[]>();
  return (target) => {
    const stages = made.get(target) ?? make(target);
    made.set(target, stages);
    return stages;
  };
}
