import { z } from "@hono/zod-openapi";
import { type ConfigDiff, logLevels, type OverlayEntry, type ReloadResult } from "../core/control.ts";
import type { SessionStatus, Status, TargetStatus, TunnelStatus, WorkerStatus } from "../core/status.ts";

/*
 * What the API's answers hold, for its description. `core/status.ts` and `core/control.ts` say the same to the compiler;
 * `describing` makes it compare the two.
 */

type SameKeys<Value, Schema extends z.ZodObject> = [keyof Value, keyof z.output<Schema>] extends [
  keyof z.output<Schema>,
  keyof Value,
]
  ? Schema
  : never;

/** Does not compile when the schema has other keys than the type. */
function describing<Value>() {
  return <Schema extends z.ZodObject>(schema: SameKeys<Value, Schema>): Schema => schema;
}

const bytes = z
  .object({ in: z.int().openapi({ description: "from clients" }), out: z.int() })
  .openapi("ByteCounts", { description: "bytes of payload, exact" });

export const targetStatus = describing<TargetStatus>()(
  z.object({
    key: z.string().openapi({ description: "its address as text", example: "127.0.0.1:6379" }),
    weight: z.int(),
    priority: z.int(),
    maxConnections: z.int().optional(),
    health: z.enum(["up", "down", "ejected"]),
    reason: z.string().optional().openapi({ description: "why it is not up" }),
    since: z.string().optional().openapi({ format: "date-time", description: "of this health" }),
    admin: z.enum(["enabled", "draining", "disabled"]),
    overridden: z.boolean().openapi({ description: "whether the operator's word is in force" }),
    active: z.int().openapi({ description: "sessions here now, of all tunnels that share it" }),
    connections: z.int(),
    failures: z.int(),
    bytes,
  }),
).openapi("TargetStatus");

export const tunnelStatus = describing<TunnelStatus>()(
  z.object({
    name: z.string(),
    origin: z.enum(["file", "overlay", "command-line"]),
    listeners: z.array(z.string()),
    listening: z.boolean(),
    frontendTls: z.boolean(),
    backendTls: z.boolean(),
    backend: z.string(),
    balance: z.string(),
    connections: z.int().openapi({ description: "accepted since the start" }),
    active: z.int().openapi({ description: "sessions under way" }),
    queued: z.int(),
    bytes,
    outcomes: z.record(z.string(), z.int()),
    rejected: z.record(z.string(), z.int()),
    targets: z.array(targetStatus),
  }),
).openapi("TunnelStatus");

const target = z.object({ backend: z.string(), target: z.string() });
const strings = z.array(z.string());
const settingValue = z
  .union([z.string(), z.number()])
  .nullable()
  .openapi({ description: "null: no limit; of a weight, the one with which the target is discovered" });
const settingChange = z.object({
  setting: z.enum(["admin", "weight", "priority", "maxConnections"]),
  before: settingValue,
  next: settingValue,
});

const diff = describing<ConfigDiff>()(
  z.object({
    listenersOpened: strings,
    listenersClosed: strings,
    tunnelsAdded: strings,
    tunnelsRemoved: strings,
    tunnelsChanged: strings,
    targetsAdded: z.array(target),
    targetsRemoved: z.array(target),
    targetsChanged: z.array(
      target.extend({ changes: z.array(settingChange) }).openapi({
        description: "targets that stay but get other settings, by the file or by the operator's word",
      }),
    ),
    needsRestart: strings.openapi({ description: "what takes effect only when the program is started anew" }),
  }),
).openapi("ConfigDiff");

export const applied = describing<Extract<ReloadResult, { ok: true }>>()(
  z.object({
    ok: z.literal(true),
    at: z.string().openapi({ format: "date-time" }),
    generation: z.int(),
    etag: z.string(),
    dryRun: z.boolean(),
    diff,
  }),
).openapi("Applied");

export const refusal = describing<Extract<ReloadResult, { ok: false }>>()(
  z.object({
    ok: z.literal(false),
    at: z.string().optional(),
    kind: z.string().openapi({ example: "invalid" }),
    message: z.string().openapi({ description: "every error, as the command check has them" }),
  }),
).openapi("Refusal");

const worker = describing<WorkerStatus>()(
  z.object({
    id: z.int(),
    pid: z.int(),
    startedAt: z.string(),
    state: z.enum(["starting", "running", "draining", "stuck"]),
    restarts: z.int(),
    sessions: z.int(),
  }),
);

export const status = describing<Status>()(
  z.object({
    version: z.string(),
    node: z.string(),
    openssl: z.string(),
    pid: z.int(),
    startedAt: z.string().openapi({ format: "date-time" }),
    file: z.string().optional(),
    generation: z.int(),
    etag: z.string(),
    configuredAt: z.string().openapi({ format: "date-time" }),
    lastReload: z.union([applied, refusal]).optional(),
    state: z.enum(["starting", "running", "draining", "stopping"]),
    workers: z.array(worker),
    tunnels: z.array(tunnelStatus),
  }),
).openapi("Status");

export const session = describing<SessionStatus>()(
  z.object({
    id: z.string(),
    tunnel: z.string(),
    worker: z.int(),
    client: z.string(),
    local: z.string(),
    route: z.string().optional(),
    target: z.string().optional(),
    serverName: z.string().optional(),
    alpn: z.string().optional(),
    tls: z.looseObject({}).optional(),
    peer: z.looseObject({}).optional(),
    relay: z.string().optional(),
    bytes,
    ageMs: z.number(),
  }),
).openapi("SessionStatus");

export const overlayEntry = describing<OverlayEntry>()(
  z.object({
    path: z.string().openapi({ example: "tunnels/web/targets/127.0.0.1:80" }),
    change: z.enum(["put", "patch", "delete", "target"]),
    value: z.unknown(),
    at: z.string().openapi({ format: "date-time" }),
    by: z.string().optional(),
  }),
).openapi("OverlayEntry");

export const targetChange = z
  .strictObject({
    admin: z.enum(["enabled", "draining", "disabled"]).optional(),
    weight: z.int().min(1).max(1000).nullable().optional().openapi({
      description: "null for the configuration's own",
    }),
  })
  .openapi("TargetChange");

/** What a timer can wait for: 24 days. */
const longest = 2_147_483_647;

export const logLevel = z
  .strictObject({
    level: z.enum(logLevels),
    forMs: z.int().min(1).max(longest).optional().openapi({
      description: "milliseconds after which the level before is back",
    }),
  })
  .openapi("LogLevel");

export const drainRequest = z
  .strictObject({
    deadlineMs: z.int().min(0).max(longest).optional().openapi({
      description: "how long sessions may go on; without it, the configuration's drainTimeout",
    }),
  })
  .openapi("Drain");

/** Blocks of the configuration; what they are is put in when the description is made. */
export const tunnelBlock = z.unknown().openapi("TunnelBlock");
export const targetBlock = z.unknown().openapi("TargetBlock");
export const configBlock = z.unknown().openapi("ConfigBlock");
