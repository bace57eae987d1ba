import { z } from "zod";
import type { Address } from "../core/address.ts";
import type { Balancer } from "../core/backend.ts";
import type { Plugin, Plugins } from "../core/plugin.ts";
import { duration, type SchemaContext, targetAddress } from "../core/scalars.ts";
import { negotiateOptions } from "../protocol/negotiations/options.ts";
import { clientTlsOptions, serverName } from "../tls/options.ts";
import { discoverOptions } from "./discovery/options.ts";
import { healthOptions } from "./health/options.ts";
import { proxyTlvs, type SendProxyOptions } from "./proxy-greeting.ts";

/** What targets are told of a session unless the configuration says otherwise. */
const defaultTlvs: SendProxyOptions["tlvs"] = ["alpn", "authority", "ssl"];

/** What a backend's schema must know beside its own file. */
export interface BackendContext extends SchemaContext, Plugins {}

/** A tunnel's `backend`: an address, a list of targets, or the whole block. */
export function backendOptions(context: BackendContext) {
  const target = targetOptions(context);
  const targets = z
    .array(target)
    .min(1)
    .superRefine(rejectTwins, { when: ({ value }) => Array.isArray(value) })
    .meta({ description: "the targets, in order of preference; needed unless discover finds some" });
  const keys = z.strictObject({
    targets: targets.optional(),
    discover: discoverOptions(context.providers).optional(),
    balance: balanceOptions(context.balancers).optional(),
    destination: z.literal(true).optional().meta({
      description:
        "instead of targets: where the client asks to go, by the frontend's negotiate: socks or connect",
    }),
    negotiate: negotiateOptions({
      ...context,
      plugins: context.clientNegotiations,
      description:
        "what to speak with targets before TLS: STARTTLS of a protocol, or a proxy's socks or connect",
    }).optional(),
    tls: clientTlsOptions(context).optional(),
    proxyProtocol: sendProxyOptions().optional(),
    connect: connectOptions().optional(),
    health: healthOptions(context.probes).optional(),
    passive: passiveOptions().optional(),
    failover: failoverOptions().optional(),
    slowStart: duration().optional().meta({
      description: "over which a target that has come back gets back its full share; 0 for at once",
    }),
  });
  const block = keys
    .superRefine(wantTargets, { when: ({ value }) => typeof value === "object" && value !== null })
    .transform(({ targets: named = [], ...rest }) => ({ targets: named, ...rest }));
  type Block = z.output<typeof block>;
  return z
    .union([
      targetAddress(context).transform((address): Block => ({ targets: [{ address, weight: 1 }] })),
      targets.transform((list): Block => ({ targets: list })),
      block,
    ])
    .meta({ description: "where sessions go: an address, a list of targets, or a block" });
}

/** The PROXY header that targets get. */
export function sendProxyOptions() {
  const version = z.enum(["v1", "v2"]);
  const block = z
    .strictObject({
      version: version.default("v2").meta({ description: "of the protocol; v1 is a line of text" }),
      tlvs: z
        .array(z.enum(proxyTlvs))
        .optional()
        .meta({
          description: `what version 2 tells beside the addresses, where it is known (default ${defaultTlvs.join(", ")})`,
        }),
    })
    .superRefine((options, check) => {
      if (options.version === "v1" && options.tlvs !== undefined)
        check.addIssue({ code: "custom", path: ["tlvs"], message: "version 1 tells addresses only" });
    });
  return z
    .union([version.transform((only): z.output<typeof block> => ({ version: only })), block])
    .transform(
      ({ version, tlvs }): SendProxyOptions => ({
        version,
        tlvs: tlvs ?? (version === "v2" ? defaultTlvs : []),
      }),
    )
    .meta({ description: "tell targets the client's address in a PROXY header: v1, v2, or a block" });
}

/** How a target is connected to. */
export function connectOptions() {
  return z
    .strictObject({
      timeout: duration({ min: 1 }).optional().meta({ description: "for one attempt, name lookup included" }),
      attempts: z
        .int()
        .min(1)
        .max(100)
        .optional()
        .meta({ description: "targets tried, each once, before a session fails" }),
      deadline: duration({ min: 1 }).optional().meta({ description: "for all attempts together" }),
      race: duration().optional().meta({
        description: "after which the next target is tried beside one that does not answer; 0 for never",
      }),
    })
    .meta({ description: "how a target is connected to" });
}

/** What failed sessions do to a target's health. */
export function passiveOptions() {
  return z
    .strictObject({
      failures: z.int().min(0).max(1000).optional().meta({
        description: "failed attempts in a row that eject a target; 0 for never",
      }),
      eject: duration({ min: 1 }).optional().meta({
        description:
          "how long, the first time; twice as long each time it fails again, up to ten times. With probes, they decide",
      }),
      resets: z.boolean().optional().meta({
        description: "whether a connection that the target resets before it has answered counts as failed",
      }),
      maxEjected: z.int().min(0).max(100).optional().meta({
        description: "percent of a backend that may be ejected at one time",
      }),
    })
    .meta({ description: "what failed sessions do to a target's health" });
}

/** What becomes of a session whose target fails. */
export function failoverOptions() {
  return z.enum(["off", "connect", "replay", "stream"]).meta({
    description:
      "off: one attempt; connect: other targets are tried while connecting; replay: also when the target is lost before it has answered, what the client sent is sent again; stream: also later, the new target gets what comes from then on",
  });
}

/** The choice of a balancer; the names come from the plugins at hand. */
export function balanceOptions(balancers: readonly Plugin<Balancer>[]) {
  const blocks = balancers.map((plugin) =>
    plugin.options
      .extend({ algorithm: z.literal(plugin.name) })
      .transform(({ algorithm: _, ...options }): BalanceOptions => ({ algorithm: plugin.name, options })),
  );
  const names = z
    .enum(balancers.map((plugin) => plugin.name) as [string, ...string[]])
    .transform((algorithm, check): BalanceOptions => {
      const options = balancers.find((plugin) => plugin.name === algorithm)?.options.safeParse({});
      if (options?.success) return { algorithm, options: options.data };
      check.addIssue({
        code: "custom",
        message: `${algorithm} has options; write { algorithm: ${algorithm}, … }`,
      });
      return z.NEVER;
    });
  return z
    .union([names, ...blocks])
    .meta({ description: "the balancer: its name, or { algorithm: NAME, … }" });
}

export type { SendProxyOptions };
export type BackendOptions = z.output<ReturnType<typeof backendOptions>>;
export type ConnectOptions = z.output<ReturnType<typeof connectOptions>>;
export type PassiveOptions = z.output<ReturnType<typeof passiveOptions>>;
export type Failover = z.output<ReturnType<typeof failoverOptions>>;
export type TargetOptions = BackendOptions["targets"][number];

/** A balancer as it was named: its plugin's name and the options that its schema has read. */
export interface BalanceOptions {
  readonly algorithm: string;
  readonly options: Readonly<Record<string, unknown>>;
}

function targetOptions(context: SchemaContext) {
  const block = z.strictObject({
    address: targetAddress(context),
    weight: z.int().min(1).max(1000).default(1).meta({ description: "share of the sessions" }),
    priority: z.int().min(0).max(1000).optional().meta({
      description: "the tier; a higher one is used only while no lower one has a usable target (default 0)",
    }),
    maxConnections: z.int().min(1).max(1_000_000).optional().meta({
      description: "sessions at one time; a target that has as many is passed over",
    }),
    checkAddress: targetAddress(context).optional().meta({
      description: "where health checks go, if not to the address",
    }),
    tls: z
      .strictObject({ serverName: serverName() })
      .optional()
      .meta({ description: "what differs from the backend's tls" }),
  });
  return z
    .union([
      targetAddress(context).transform((address): z.output<typeof block> => ({ address, weight: 1 })),
      block,
    ])
    .meta({ description: "a target: an address, or a block" });
}

function wantTargets(
  {
    targets,
    discover,
    destination,
  }: { readonly targets?: unknown; readonly discover?: unknown; readonly destination?: unknown },
  check: z.RefinementCtx,
): void {
  if (targets === undefined && discover === undefined && destination === undefined)
    check.addIssue({ code: "invalid_type", expected: "array", input: undefined, path: ["targets"] });
}

/** A target's key is its address: two alike could not be told apart in logs, metrics and decisions. */
function rejectTwins(targets: readonly { readonly address?: unknown }[], check: z.RefinementCtx): void {
  const seen = new Map<string, number>();
  for (const [index, target] of targets.entries()) {
    // runs beside other errors, so a target may be anything
    if (!isAddress(target?.address)) continue;
    const key = JSON.stringify(target.address);
    const first = seen.get(key);
    if (first !== undefined)
      check.addIssue({
        code: "custom",
        path: [index],
        message: `the same address as targets[${first}]; give that one a weight instead`,
      });
    else seen.set(key, index);
  }
}

function isAddress(value: unknown): value is Address {
  return typeof value === "object" && value !== null && "kind" in value;
}
