import type { BackendConfig, Config, FrontendConfig, LimitsConfig, TunnelConfig } from "../config/schema.ts";

/**
 * The configuration of one of several workers: each gets an equal share of every limit, rounded up, so that all together
 * keep them. Which worker gets a connection is up to the kernel, so one can be at its share before the others are.
 */
export function shareLimits(config: Config, workers: number): Config {
  if (workers === 1) return config;
  const tunnels = config.tunnels.map(
    (tunnel): TunnelConfig => ({
      ...tunnel,
      frontend: shareFrontend(tunnel.frontend, workers),
      backend: shareBackend(tunnel.backend, workers),
      ...(tunnel.routes
        ? {
            routes: tunnel.routes.map((route) => ({
              ...route,
              backend: shareBackend(route.backend, workers),
            })),
          }
        : {}),
    }),
  );
  return { ...config, tunnels };
}

function shareBackend(backend: BackendConfig, workers: number): BackendConfig {
  return {
    ...backend,
    targets: backend.targets.map(({ maxConnections, ...target }) => ({
      ...target,
      ...(maxConnections === undefined ? {} : { maxConnections: share(maxConnections, workers) }),
    })),
  };
}

function shareFrontend(frontend: FrontendConfig, workers: number): FrontendConfig {
  return frontend.limits ? { ...frontend, limits: shareOf(frontend.limits, workers) } : frontend;
}

function shareOf(limits: LimitsConfig, workers: number): LimitsConfig {
  const { rate } = limits;
  return {
    ...limits,
    connections: share(limits.connections, workers),
    perClient: share(limits.perClient, workers),
    queue: share(limits.queue, workers),
    bandwidth: share(limits.bandwidth, workers),
    ...(rate
      ? { rate: { count: rate.count, per: rate.per * workers, burst: share(rate.burst, workers) } }
      : {}),
  };
}

/** 0 is no limit and stays so. */
function share(limit: number, workers: number): number {
  return Math.ceil(limit / workers);
}
