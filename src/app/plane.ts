import type { TargetOverride } from "../backend/targets.ts";
import type { Address } from "../core/address.ts";
import type { TargetAdmin } from "../core/backend.ts";
import type { LogLevel } from "../core/control.ts";
import type { Outcome } from "../core/outcome.ts";
import type { SessionStatus, WorkerStatus } from "../core/status.ts";
import type { Counts } from "../telemetry/counts.ts";
import type { Order, Preparation } from "./engine.ts";
import type { Told } from "./event-facts.ts";

/** What carries connections: this process, or worker processes. There is one in a program. */
export interface DataPlane {
  /**
   * Makes everything of a configuration ready while the one in use goes on untouched. One preparation at a time.
   *
   * @throws MaterialFaults, ListenError
   */
  prepare(order: Order): Promise<Preparation>;
  /** Every bound address; port 0 shows the port that was given. */
  readonly listeners: readonly BoundListener[];
  /** Sessions under way, as far as is known at this moment. */
  readonly active: number;
  state(): Promise<PlaneState>;
  sessions(): Promise<readonly SessionStatus[]>;
  /** False when there is no such session. */
  killSession(id: string): Promise<boolean>;
  /** The operator's word about a target of a backend; kept while the configuration changes. */
  overrideTarget(backend: string, key: string, override: TargetOverride): void;
  /** Resolves when every process does what was last committed or said; one that hangs is not waited for. */
  inForce(): Promise<void>;
  /** From now on tells what happens in other processes; undefined to have it told no more. */
  follow(tell: ((told: Told, worker: number) => void) | undefined): void;
  /** The level of the log of other processes. */
  setLogLevel(level: LogLevel): void;
  /** Stops accepting. Idempotent. */
  close(): void;
  /** Ends every session under way. */
  abortAll(outcome: Outcome, reason: string): void;
  /** Resolves when no session is left. */
  drained(): Promise<void>;
}

export interface BoundListener {
  readonly tunnel: string;
  readonly address: Address;
}

/** The state of the data path at one moment, as plain data. */
export interface PlaneState {
  readonly workers: readonly WorkerStatus[];
  readonly counts: Counts;
  readonly tunnels: ReadonlyMap<string, TunnelState>;
  /** By the key of the backend. */
  readonly backends: ReadonlyMap<string, readonly TargetState[]>;
}

export interface TunnelState {
  readonly listening: boolean;
  readonly queued: number;
  /** Whether it has limits at all. */
  readonly limited: boolean;
}

/** A target as its backend sees it, all tunnels together. */
export interface TargetState {
  readonly key: string;
  readonly weight: number;
  readonly priority: number;
  readonly maxConnections: number | undefined;
  readonly health: "up" | "down" | "ejected";
  readonly reason: string | undefined;
  readonly changedAt: number | undefined;
  readonly admin: TargetAdmin;
  readonly overridden: boolean;
  readonly active: number;
}
