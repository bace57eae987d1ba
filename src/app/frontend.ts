import type { FrontendConfig } from "../config/schema.ts";
import { networkList } from "../core/network.ts";
import type { Stage } from "../core/stage.ts";
import { allowClients } from "../frontend/allow.ts";
import { bandwidth } from "../frontend/bandwidth.ts";
import { type ClientCounts, clientShares } from "../frontend/client-shares.ts";
import type { FrontendPlan } from "../frontend/frontend.ts";
import { Limits, type LimitsOptions } from "../frontend/limits.ts";
import type { Availability } from "../frontend/listeners.ts";
import { peekHello } from "../frontend/peek-hello.ts";
import { readProxyHeader } from "../frontend/read-proxy-header.ts";
import type { Pipeline } from "../frontend/serve.ts";
import type { ForwardOptions } from "../handler/forward.ts";

export interface FrontendContext {
  /** Whether sockets are read in bulk, unless something of the frontend's stands before it. */
  readonly bulk: boolean;
  /** Whether a route depends on what the client begins with. */
  readonly peeked: boolean;
  readonly targets: Availability;
  readonly match: Pipeline["match"];
  /** What is spoken before TLS, if anything. */
  readonly negotiation?: Stage | undefined;
  /** What is replaced: connections under way go on counting. */
  readonly previous: Counted | undefined;
}

/** What counts a frontend's connections, if anything does. */
export interface Counted {
  readonly limits: Limits | undefined;
  readonly counts: ClientCounts;
}

/** What a frontend is to be. */
export function planFrontend(
  config: FrontendConfig,
  { bulk, peeked, targets, match, negotiation, previous }: FrontendContext,
): Counted & { readonly plan: FrontendPlan } {
  const { listen, unixMode, proxyProtocol, acceptWithoutTargets, timeouts } = config;
  const options = limitsOptionsOf({ frontend: config, peeked });
  const limits = options && (previous?.limits ?? new Limits(options));
  const counts: ClientCounts = previous?.counts ?? new Map();
  const stages = preamble(config, { limits, counts });
  if (negotiation) stages.push(negotiation);
  if (peeked) stages.push(peekHello({ timeout: timeouts.handshake }));
  return {
    limits,
    counts,
    plan: {
      listen,
      unixMode,
      availability: acceptWithoutTargets === false ? targets : undefined,
      // what stands before a PROXY header leaves the bytes alone
      pipeline: { bulk: bulk && !proxyProtocol && !negotiation, preamble: stages, match },
    },
  };
}

/** The throttle of each session; undefined where the tunnel has no limit on bytes. */
export function throttleOf({ limits }: FrontendConfig): ForwardOptions["throttle"] {
  return limits && bandwidth({ tunnel: limits.bandwidth, session: limits.sessionBandwidth });
}

/** Whoever is not allowed, or has his share, takes no slot, no token of the rate and no place in the queue. */
function preamble(config: FrontendConfig, { limits, counts }: Counted): Stage[] {
  const { proxyProtocol, timeouts } = config;
  const counted = limits ? [limits.stage] : [];
  if (!proxyProtocol) return [...clientStages(config, counts), ...counted];
  const from = networkList(proxyProtocol.from);
  // the peer is a proxy: `allow` and shares are about the client that it names
  const peers: FrontendConfig = {
    ...withoutClients(config),
    ...(limits ? { allow: proxyProtocol.from } : {}),
  };
  return [
    ...clientStages(peers, new Map()),
    ...counted,
    readProxyHeader({ from, timeout: timeouts.handshake }),
    ...clientStages(config, counts),
  ];
}

function withoutClients({ allow: _, limits: __, ...rest }: FrontendConfig): FrontendConfig {
  return rest;
}

/** What looks at the address that the session has by then. */
function clientStages({ allow, deny, limits }: FrontendConfig, counts: ClientCounts): Stage[] {
  const stages: Stage[] = [];
  if (allow || deny)
    stages.push(allowClients({ allow: allow && networkList(allow), deny: deny && networkList(deny) }));
  if (limits && limits.perClient > 0)
    stages.push(clientShares({ perClient: limits.perClient, prefix: limits.perClientPrefix }, counts));
  return stages;
}

/** The limits that a connection may have to wait for; undefined where there are none. */
export function limitsOptionsOf({
  frontend: { limits, tls },
  peeked,
}: {
  readonly frontend: FrontendConfig;
  readonly peeked: boolean;
}): LimitsOptions | undefined {
  if (!limits || (limits.connections === 0 && !limits.rate)) return undefined;
  const { connections, rate, queue, queueTimeout } = limits;
  return {
    connections: connections === 0 ? Number.POSITIVE_INFINITY : connections,
    rate,
    queue,
    queueTimeout,
    // nobody can shake hands who has ended; what a client begins with is not known yet
    mayEnd: tls === undefined || peeked,
  };
}
