import type { TargetMirror } from "../backend/targets.ts";
import type { Config } from "../config/schema.ts";
import type { Address } from "../core/address.ts";
import type { LogLevel } from "../core/control.ts";
import type { EventMap, EventName } from "../core/events.ts";
import type { Outcome } from "../core/outcome.ts";
import type { SessionStatus } from "../core/status.ts";
import type { Counts } from "../telemetry/counts.ts";
import type { FileRecord } from "../tls/files.ts";
import type { MaterialFault } from "./material-faults.ts";
import type { TargetState, TunnelState } from "./plane.ts";

/*
 * What a supervisor and its workers tell each other, over the channel that Node opens between a process and its child
 * (structured clone, so Map, Buffer and RegExp arrive as what they are).
 */

/** What a worker must know of a configuration; the targets are told apart from it. */
export interface WorkerOrder {
  readonly config: Config;
  /** What the configuration's files hold: a worker may not be allowed to read them. */
  readonly files: FileRecord;
  readonly ticketSecret: Buffer;
}

/** The targets of every backend as the supervisor has them, by the backend's key. */
export type TargetDirectory = ReadonlyMap<string, readonly TargetMirror[]>;

export type ToWorker =
  | { readonly kind: "prepare"; readonly order: WorkerOrder }
  | { readonly kind: "commit" | "discard" }
  /** The answer to `bind`; the socket comes along when it is bound. */
  | { readonly kind: "bound"; readonly request: number; readonly failure?: Failure }
  | { readonly kind: "targets"; readonly targets: TargetDirectory }
  /** About nothing: whether everything that was said before has been done. */
  | { readonly kind: "ask"; readonly request: number; readonly about: "state" | "sessions" | "nothing" }
  | { readonly kind: "kill"; readonly request: number; readonly id: string }
  | { readonly kind: "ping" }
  /** Whether somebody wants to hear what happens. */
  | { readonly kind: "follow"; readonly on: boolean }
  | { readonly kind: "log-level"; readonly level: LogLevel }
  | { readonly kind: "close" }
  | { readonly kind: "abort"; readonly outcome: Outcome; readonly reason: string };

export type FromWorker =
  | { readonly kind: "started" }
  | { readonly kind: "prepared" }
  | { readonly kind: "failed"; readonly failure: Failure }
  | {
      readonly kind: "bind";
      readonly request: number;
      readonly address: Address;
      readonly unixMode: number;
      readonly scope: string | undefined;
    }
  /** It does not listen there any more. */
  | { readonly kind: "released"; readonly key: string }
  | { readonly kind: "answer"; readonly request: number; readonly value: unknown }
  | { readonly kind: "pong"; readonly counts: Counts; readonly active: number }
  /** Its sessions have found a target broken, or its ejection is over. */
  | ({ readonly kind: "verdict" } & EventMap["target.health"])
  | { readonly kind: "event"; readonly name: EventName; readonly facts: Readonly<Record<string, unknown>> }
  /** The last session has ended after `close`. */
  | { readonly kind: "drained" };

/** An error, as far as it survives the way from one process to another. */
export interface Failure {
  readonly message: string;
  readonly code: string | undefined;
  /** An address could not be listened on. */
  readonly listening: boolean;
  /** Of a configuration's files. */
  readonly faults: readonly MaterialFault[] | undefined;
}

/** The answer to `ask` about the state. */
export interface WorkerState {
  /** Sessions under way. */
  readonly active: number;
  readonly counts: Counts;
  readonly tunnels: ReadonlyMap<string, TunnelState>;
  readonly backends: ReadonlyMap<string, readonly TargetState[]>;
}

export type WorkerSessions = readonly SessionStatus[];

/** What a worker is told when it is started, by its environment. */
export interface WorkerSetting {
  readonly id: number;
  /** Workers in all: limits are shared among them. */
  readonly of: number;
  readonly user: string | undefined;
  readonly group: string | undefined;
  readonly level: LogLevel;
  /** See the `log` block. */
  readonly rejections: number;
}

export const workerVariable = "EQUILIBRIA_TUNNEL_WORKER";

/** @throws Error when no supervisor has started this process */
export function readSetting(env: Readonly<Record<string, string | undefined>>): WorkerSetting {
  const text = env[workerVariable];
  if (text === undefined || !process.connected) throw new Error("a worker is started by its supervisor only");
  return JSON.parse(text) as WorkerSetting;
}

/** The name of a socket that the supervisor holds. */
export function socketKey(address: Address, scope: string | undefined): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  return address.port === 0 ? `${address.host}:0 of ${scope}` : `${address.host}:${address.port}`;
}
