import { backendUses } from "../config/backend-uses.ts";
import { formatAddress } from "../core/address.ts";
import type { TargetStatus, TunnelStatus } from "../core/status.ts";
import type { TunnelCounts } from "../telemetry/counts.ts";
import { backingKey } from "./backing.ts";
import type { PlaneState, TargetState } from "./plane.ts";
import type { Runtime } from "./runtime.ts";

export interface TunnelStatusSource {
  readonly runtime: Runtime;
  readonly state: PlaneState;
  originOf(tunnel: string): TunnelStatus["origin"];
}

/** Every tunnel of the configuration in use, in its order. */
export function tunnelStatuses({ runtime, state, originOf }: TunnelStatusSource): readonly TunnelStatus[] {
  return runtime.config.tunnels.map((config) => {
    const { name, frontend, backend, routes = [] } = config;
    const keys = new Set(backendUses(config).map((use) => backingKey(use.backend)));
    const counts = state.counts.get(name);
    const tunnel = state.tunnels.get(name);
    return {
      name,
      origin: originOf(name),
      listeners: runtime.listeners.flatMap((one) =>
        one.tunnel === name ? [formatAddress(one.address)] : [],
      ),
      listening: tunnel?.listening ?? false,
      frontendTls: frontend.tls !== undefined || routes.some(({ tls }) => typeof tls === "object"),
      backendTls: backend.tls !== undefined,
      backend: backend.name,
      balance: backend.balance.algorithm,
      connections: counts?.connections ?? 0,
      active: counts?.active ?? 0,
      queued: tunnel?.queued ?? 0,
      bytes: { in: counts?.bytesIn ?? 0, out: counts?.bytesOut ?? 0 },
      outcomes: Object.fromEntries(counts?.sessions ?? []),
      rejected: Object.fromEntries(counts?.rejected ?? []),
      targets: [...keys].flatMap((key) =>
        (state.backends.get(key) ?? []).map((target) => targetStatus(target, counts)),
      ),
    };
  });
}

function targetStatus({ changedAt, ...state }: TargetState, counts: TunnelCounts | undefined): TargetStatus {
  const counted = counts?.targets.get(state.key);
  const {
    connections = 0,
    failures = 0,
    bytesIn = 0,
    bytesOut = 0,
    underWay = { in: 0, out: 0 },
  } = counted ?? {};
  return {
    ...state,
    since: changedAt === undefined ? undefined : new Date(changedAt).toISOString(),
    connections,
    failures,
    bytes: { in: bytesIn + underWay.in, out: bytesOut + underWay.out },
  };
}
