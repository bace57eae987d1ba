import { z } from "zod";
import { type AdminOptions, adminOptions } from "../admin/options.ts";
import type { DiscoverOptions } from "../backend/discovery/options.ts";
import { type HealthOptions, healthOptions } from "../backend/health/options.ts";
import {
  type BackendContext,
  type BalanceOptions,
  backendOptions,
  balanceOptions,
  type ConnectOptions,
  connectOptions,
  type Failover,
  failoverOptions,
  type PassiveOptions,
  passiveOptions,
  type SendProxyOptions,
  type TargetOptions,
} from "../backend/options.ts";
import type { Address } from "../core/address.ts";
import { duration, filePath, name } from "../core/scalars.ts";
import type { Protocol, RelayMode } from "../core/session.ts";
import { type LimitsOptions, limitsOptions } from "../frontend/limits-options.ts";
import { frontendOptions, type TimeoutOptions, timeoutOptions } from "../frontend/options.ts";
import { routeMatchOptions, routeTlsOptions } from "../frontend/route-options.ts";
import type { NegotiateOptions } from "../protocol/negotiations/options.ts";
import { type LogOptions, logOptions, type MetricsOptions, metricsOptions } from "../telemetry/options.ts";
import type { ClientTlsOptions, ServerTlsOptions } from "../tls/options.ts";
import { builtIn } from "./defaults.ts";
import { tunnelBackend } from "./tunnel-backend.ts";

/** The whole file. It only composes: each folder owns the schema of its own block. */
export function configSchema(context: BackendContext) {
  return z.strictObject({
    log: logOptions().prefault({}),
    admin: adminOptions(context).optional(),
    metrics: metricsOptions(context).optional(),
    workers: z
      .union([z.int().min(1).max(256), z.literal("auto")])
      .default(1)
      .meta({ description: "processes that carry connections; auto: one for each CPU" }),
    user: z.string().min(1).optional().meta({
      description: "who the processes that carry connections are; this one stays who it is, to bind ports",
    }),
    group: z.string().min(1).optional().meta({ description: "their group; default: the user's own" }),
    watch: z.boolean().default(true).meta({
      description: "whether certificates, keys and CRLs are loaded anew when their files change",
    }),
    relay: z.enum(["fast", "stream"]).default("fast").meta({
      description: "how payload is moved; stream is Node's own way: slower, and there to find a fault with",
    }),
    drainTimeout: duration().prefault(builtIn.drainTimeout).meta({
      description: "how long running sessions may go on after the first TERM or INT; 0 ends them at once",
    }),
    defaults: defaultsOptions(context).optional(),
    include: z.array(z.string().min(1)).optional().meta({
      description: "files with more tunnels and backends; patterns (*, ?, **), relative to this file",
    }),
    plugins: z.array(filePath(context)).optional().meta({
      description: "modules with balancers of your own, .ts or .js, relative to this file",
    }),
    ...fragmentBlocks(context),
  });
}

/** An included file: it may add tunnels and backends, and change nothing else. */
export function fragmentSchema(context: BackendContext) {
  return z.strictObject(fragmentBlocks(context));
}

/** One entry of `tunnels`. */
export function tunnelOptions(context: BackendContext) {
  return z
    .strictObject({
      enabled: z.boolean().default(true).meta({ description: "false: checked, but left out" }),
      frontend: frontendOptions(context),
      routes: z.array(routeOptions(context)).min(1).optional().meta({
        description:
          "other ways for some sessions, by what the client begins with; the first that fits is taken",
      }),
      backend: tunnelBackend(context).optional(),
    })
    .superRefine(wantBackend, { when: ({ value }) => typeof value === "object" && value !== null })
    .meta({ description: "one tunnel: a frontend and the backend that its sessions go to" });
}

/** One entry of a tunnel's `routes`. */
export function routeOptions(context: BackendContext) {
  return z
    .strictObject({
      name: name().optional().meta({ description: "for logs; default: its place in the list" }),
      match: routeMatchOptions().prefault({}),
      tls: routeTlsOptions(context).optional(),
      backend: tunnelBackend(context),
    })
    .meta({ description: "where sessions go that fit" });
}

/** What every tunnel inherits. */
export function defaultsOptions(context: BackendContext) {
  return z
    .strictObject({
      timeouts: timeoutOptions().optional(),
      limits: limitsOptions().optional(),
      connect: connectOptions().optional(),
      health: healthOptions(context.probes).optional(),
      passive: passiveOptions().optional(),
      failover: failoverOptions().optional(),
      slowStart: duration().optional(),
      balance: balanceOptions(context.balancers).optional(),
    })
    .meta({ description: "what every tunnel inherits that does not say otherwise" });
}

export type RouteOptions = z.output<ReturnType<typeof routeOptions>>;
export type ConfigOptions = z.output<ReturnType<typeof configSchema>>;
export type DefaultsOptions = z.output<ReturnType<typeof defaultsOptions>>;

/** What the rest of the program sees: one form, every default in place, frozen. */
export interface Config {
  readonly log: Readonly<LogOptions>;
  /** The files of users' modules. */
  readonly plugins?: readonly string[];
  readonly admin?: Readonly<AdminOptions>;
  readonly metrics?: Readonly<MetricsOptions>;
  readonly workers: number | "auto";
  readonly user?: string;
  readonly group?: string;
  /** Load certificates, keys and CRLs anew when their files change. */
  readonly watch: boolean;
  readonly relay: RelayMode;
  readonly drainTimeoutMs: number;
  readonly tunnels: readonly TunnelConfig[];
}

export interface TunnelConfig {
  readonly name: string;
  readonly frontend: FrontendConfig;
  /** The first that a session fits is taken. */
  readonly routes?: readonly RouteConfig[];
  /** Of sessions that take no route; where those are refused, it is that of the first route. */
  readonly backend: BackendConfig;
  /** What happens to sessions that take no route; absent: they go to the tunnel's own backend. */
  readonly unmatched?: "refuse";
}

export interface RouteConfig {
  /** Its own name, or its place in the list, from 1 on. */
  readonly name: string;
  readonly match: {
    /** Canonical names and `*.` patterns. */
    readonly serverName?: readonly string[];
    readonly alpn?: readonly string[];
    /** Networks, in canonical form. */
    readonly client?: readonly string[];
    /** Absent: whatever the client speaks. */
    readonly protocol?: readonly Protocol[];
  };
  /** `frontend`: the identity and the rules of the frontend; `none`: bytes are forwarded, whatever they are. */
  readonly tls: Readonly<ServerTlsOptions> | "passthrough" | "frontend" | "none";
  readonly backend: BackendConfig;
}

export interface FrontendConfig {
  readonly listen: readonly Address[];
  readonly unixMode: number;
  /** Networks of clients, in canonical form. */
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
  /** Networks whose PROXY headers are required and believed, in canonical form. */
  readonly proxyProtocol?: { readonly from: readonly string[] };
  readonly negotiate?: NegotiateOptions;
  readonly tls?: Readonly<ServerTlsOptions>;
  readonly limits?: LimitsConfig;
  readonly timeouts: TimeoutConfig;
  /** Listen only while the backend has a usable target. */
  readonly acceptWithoutTargets?: false;
}

export interface BackendConfig {
  /** Whether it is one of `backends`, which several tunnels may use. */
  readonly shared: boolean;
  /** The tunnel's name, or that of the shared backend. */
  readonly name: string;
  readonly targets: readonly Readonly<TargetOptions>[];
  /** Where more targets are found. */
  readonly discover?: DiscoverOptions;
  readonly balance: BalanceOptions;
  /** Instead of targets: where the client asks to go. */
  readonly destination?: true;
  readonly negotiate?: NegotiateOptions;
  readonly tls?: Readonly<ClientTlsOptions>;
  readonly proxyProtocol?: SendProxyOptions;
  readonly connect: ConnectConfig;
  /** Without it there are no checks. */
  readonly health?: HealthConfig;
  readonly passive: PassiveConfig;
  readonly failover: Failover;
  /** Milliseconds. */
  readonly slowStart: number;
}

/** Counts, bytes per second and milliseconds; 0 means no limit. */
export interface LimitsConfig extends Filled<Omit<LimitsOptions, "rate" | "perClientPrefix">> {
  readonly perClientPrefix: { readonly v4: number; readonly v6: number };
  /** `count` in `per` milliseconds. */
  readonly rate?: { readonly count: number; readonly per: number; readonly burst: number };
}

/** Milliseconds; 0 means never. */
export type TimeoutConfig = Filled<TimeoutOptions>;
/** Milliseconds, counts, and percent for `maxEjected`. */
export type PassiveConfig = Filled<PassiveOptions>;
/** Milliseconds; an `interval` of 0 turns checks off. */
export type HealthConfig = Filled<HealthOptions>;
/** Milliseconds; `attempts` counts. */
export type ConnectConfig = Filled<ConnectOptions>;

/** Only with routes can a tunnel do without one: what none of them takes is refused. */
function wantBackend(
  tunnel: { readonly backend?: unknown; readonly routes?: unknown },
  check: z.RefinementCtx,
): void {
  if (tunnel.backend !== undefined || tunnel.routes !== undefined) return;
  check.addIssue({ code: "invalid_type", expected: "string", path: ["backend"], input: undefined });
}

type Filled<Options> = { readonly [Key in keyof Options]-?: NonNullable<Options[Key]> };

function fragmentBlocks(context: BackendContext) {
  return {
    tunnels: z
      .record(name(), tunnelOptions(context))
      .optional()
      .meta({ description: "the tunnels, by name" }),
    backends: z
      .record(name(), backendOptions(context))
      .optional()
      .meta({ description: "backends that several tunnels share, by name" }),
  };
}
