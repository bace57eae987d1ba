import { Monitor } from "../backend/health/monitor.ts";
import { negotiateWith } from "../backend/negotiate.ts";
import { ownGreeting } from "../backend/proxy-greeting.ts";
import type { Targets } from "../backend/targets.ts";
import type { BackendConfig, HealthConfig } from "../config/schema.ts";
import type { CheckConnection, Target } from "../core/backend.ts";
import type { Negotiation } from "../core/negotiation.ts";
import type { Plugins } from "../core/plugin.ts";
import type { Stage } from "../core/stage.ts";
import type { ClientTls } from "../tls/contexts.ts";
import { originate } from "../tls/originate.ts";
import { SessionCache } from "../tls/session-cache.ts";

/** The checks that a backend is to have; undefined where there are none, or they are turned off. */
export function checksOf({ health }: BackendConfig): HealthConfig | undefined {
  return health && health.interval > 0 ? health : undefined;
}

/** The monitor of a backend, not started. */
export function buildMonitor(
  config: BackendConfig,
  {
    targets,
    client,
    probes,
    negotiation,
  }: Plugins & {
    readonly targets: Targets;
    readonly client: ClientTls | undefined;
    readonly negotiation?: Negotiation | undefined;
  },
): Monitor | undefined {
  const health = checksOf(config);
  if (!health) return undefined;
  const plugin = probes.find(({ name }) => name === health.type);
  if (!plugin) throw new Error(`no probe is called ${health.type}`);
  const { interval, timeout, rise, fall } = health;
  return new Monitor({
    backend: config.name,
    targets,
    probe: plugin.create(health.options),
    greeting: config.proxyProtocol && ownGreeting(config.proxyProtocol),
    stages: checkStages(client, negotiation),
    interval,
    timeout,
    rise,
    fall,
  });
}

/** What a check's connection goes through: TLS as the sessions speak it, where the probe wants it. */
export function checkStages(
  client: ClientTls | undefined,
  negotiation?: Negotiation,
): (target: Target, connection: CheckConnection) => readonly Stage[] {
  return (target, { tls = client !== undefined, alpn = client?.alpn }) => {
    if (!tls) return [];
    if (!client) throw new Error("the check wants TLS, but the backend has no tls block");
    // never resumed: a certificate that is resumed is not looked at again
    const stage = originate({ ...client, alpn, sessions: new SessionCache() }, target);
    return negotiation ? negotiateWith(negotiation, stage) : [stage];
  };
}
