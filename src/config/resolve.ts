import type { BackendOptions, BalanceOptions } from "../backend/options.ts";
import { parseDuration } from "../core/units.ts";
import type { FrontendOptions, TimeoutOptions } from "../frontend/options.ts";
import { builtIn } from "./defaults.ts";
import { resolveLimits } from "./resolve-limits.ts";
import { routeProtocols, routeTls } from "./routes.ts";
import type {
  BackendConfig,
  ConnectConfig,
  DefaultsOptions,
  FrontendConfig,
  HealthConfig,
  PassiveConfig,
  RouteConfig,
  RouteOptions,
  TimeoutConfig,
  TunnelConfig,
} from "./schema.ts";

/** What a tunnel is made of once the names of its backends have been looked up. */
export interface TunnelParts {
  readonly name: string;
  readonly frontend: FrontendOptions;
  /** Absent only where there are routes. */
  readonly backend: BackendParts | undefined;
  readonly routes: readonly RouteParts[];
}

export interface RouteParts {
  readonly name: string;
  readonly options: RouteOptions;
  readonly backend: BackendParts;
}

export interface BackendParts {
  readonly name: string;
  readonly options: BackendOptions;
  /** Whether it is one of `backends`. */
  readonly shared: boolean;
}

/** What is taken where none is named. */
export interface FirstPlugins {
  readonly balance: BalanceOptions;
  readonly probe: string;
}

/**
 * Fills in what a tunnel does not say: its own values go before `defaults:`, those before the built-in ones. Undefined when
 * it has no backend at all.
 */
export function resolveTunnel(
  tunnel: TunnelParts,
  defaults: DefaultsOptions | undefined,
  first: FirstPlugins,
): TunnelConfig | undefined {
  const backend = tunnel.backend ?? tunnel.routes[0]?.backend;
  if (!backend) return undefined;
  return {
    name: tunnel.name,
    frontend: resolveFrontend(tunnel.frontend, defaults),
    ...(tunnel.routes.length > 0
      ? {
          routes: tunnel.routes.map((route) => ({
            ...resolveRoute(route, tunnel.frontend),
            backend: resolveBackend(route.backend, defaults, first),
          })),
        }
      : {}),
    backend: resolveBackend(backend, defaults, first),
    ...(tunnel.backend ? {} : { unmatched: "refuse" }),
  };
}

function resolveRoute(
  { name, options }: RouteParts,
  frontend: FrontendOptions,
): Omit<RouteConfig, "backend"> {
  const { serverName, alpn, client } = options.match;
  const protocol = routeProtocols(options, frontend);
  const match = {
    ...(serverName ? { serverName } : {}),
    ...(alpn ? { alpn } : {}),
    ...(client ? { client } : {}),
    ...(protocol ? { protocol } : {}),
  };
  return { name, match, tls: routeTls(options, frontend) };
}

function resolveFrontend(own: FrontendOptions, defaults: DefaultsOptions | undefined): FrontendConfig {
  const { listen, unixMode, allow, deny, proxyProtocol, negotiate, tls, acceptWithoutTargets } = own;
  const timeout = (key: keyof TimeoutOptions) =>
    own.timeouts?.[key] ?? defaults?.timeouts?.[key] ?? parseDuration(builtIn.timeouts[key]);
  const timeouts: TimeoutConfig = {
    handshake: timeout("handshake"),
    idle: timeout("idle"),
    stall: timeout("stall"),
    halfClose: timeout("halfClose"),
    lifetime: timeout("lifetime"),
  };
  const limits = resolveLimits(own.limits, defaults?.limits);
  return {
    listen,
    unixMode,
    ...(allow ? { allow } : {}),
    ...(deny ? { deny } : {}),
    ...(proxyProtocol ? { proxyProtocol } : {}),
    ...(negotiate ? { negotiate } : {}),
    ...(tls ? { tls } : {}),
    ...(limits ? { limits } : {}),
    timeouts,
    ...(acceptWithoutTargets ? {} : { acceptWithoutTargets }),
  };
}

function resolveBackend(
  { name, shared, options: own }: BackendParts,
  defaults: DefaultsOptions | undefined,
  { balance, probe }: FirstPlugins,
): BackendConfig {
  const from = { own, defaults };
  return {
    name,
    shared,
    targets: own.targets,
    ...(own.discover ? { discover: own.discover } : {}),
    balance: own.balance ?? defaults?.balance ?? balance,
    ...(own.destination ? { destination: own.destination } : {}),
    ...(own.negotiate ? { negotiate: own.negotiate } : {}),
    ...(own.tls ? { tls: own.tls } : {}),
    ...(own.proxyProtocol ? { proxyProtocol: own.proxyProtocol } : {}),
    connect: resolveConnect(from),
    ...resolveHealth(from, probe),
    passive: resolvePassive(from),
    failover: own.failover ?? defaults?.failover ?? builtIn.failover,
    slowStart: own.slowStart ?? defaults?.slowStart ?? parseDuration(builtIn.slowStart),
  };
}

interface Sources {
  readonly own: BackendOptions;
  readonly defaults: DefaultsOptions | undefined;
}

function resolveConnect({ own, defaults }: Sources): ConnectConfig {
  const given = { ...defaults?.connect, ...definedOnly(own.connect) };
  const { attempts, timeout, deadline, race } = builtIn.connect;
  return {
    timeout: given.timeout ?? parseDuration(timeout),
    attempts: given.attempts ?? attempts,
    deadline: given.deadline ?? parseDuration(deadline),
    race: given.race ?? parseDuration(race),
  };
}

function resolvePassive({ own, defaults }: Sources): PassiveConfig {
  const given = { ...defaults?.passive, ...definedOnly(own.passive) };
  const { failures, eject, resets, maxEjected } = builtIn.passive;
  return {
    failures: given.failures ?? failures,
    eject: given.eject ?? parseDuration(eject),
    resets: given.resets ?? resets,
    maxEjected: given.maxEjected ?? maxEjected,
  };
}

/** A backend that names no probe takes the inherited one with its options, or the first of all. */
function resolveHealth({ own, defaults }: Sources, probe: string): { readonly health?: HealthConfig } {
  const inherited = defaults?.health;
  if (!own.health && !inherited) return {};
  const { type = probe, options } = (own.health?.type === undefined ? inherited : own.health) ?? {
    options: {},
  };
  const given = { ...inherited, ...definedOnly(own.health) };
  const { interval, timeout, rise, fall, initial } = builtIn.health;
  return {
    health: {
      type,
      options,
      interval: given.interval ?? parseDuration(interval),
      timeout: given.timeout ?? parseDuration(timeout),
      rise: given.rise ?? rise,
      fall: given.fall ?? fall,
      initial: given.initial ?? initial,
    },
  };
}

/** zod may leave a key with the value undefined, which would hide what is inherited. */
function definedOnly<Options extends object>(options: Options | undefined): Partial<Options> {
  return Object.fromEntries(
    Object.entries(options ?? {}).filter(([, value]) => value !== undefined),
  ) as Partial<Options>;
}
