import type { TargetAdmin } from "./backend.ts";
import type { EventName } from "./events.ts";
import type { SessionStatus, Status, TargetStatus } from "./status.ts";

/*
 * What can be asked of a running program, and done to it. The admin API, the control socket, the dashboards and the
 * signals know only this. Everything that is returned is plain data: it can be sent as JSON.
 */

/** What the operator says of a target; what is left out stays as it is. */
export interface TargetChange {
  readonly admin?: TargetAdmin | undefined;
  /** 1 to 1000; null for the configuration's own. */
  readonly weight?: number | null | undefined;
}

/** A change of the configuration while it runs: RFC 7396 for `patch`. Blocks are as in the file. */
export type ConfigChange =
  | { readonly kind: "put-tunnel" | "patch-tunnel"; readonly name: string; readonly block: unknown }
  | { readonly kind: "delete-tunnel"; readonly name: string }
  | {
      readonly kind: "put-target" | "patch-target";
      readonly tunnel: string;
      readonly key: string;
      readonly block: unknown;
    }
  | { readonly kind: "delete-target"; readonly tunnel: string; readonly key: string }
  /** Everything: tunnels and backends; the file's other blocks cannot be changed while it runs. */
  | { readonly kind: "put-config" | "patch-config"; readonly block: unknown };

export interface ChangeOptions {
  /** The change is made only if the configuration in use still has this etag. */
  readonly ifMatch?: string | undefined;
  /** Says what would happen, and changes nothing. */
  readonly dryRun?: boolean | undefined;
  /** Who asked: for the audit line. */
  readonly by?: string | undefined;
}

export interface TargetSettingsChange {
  readonly backend: string;
  readonly target: string;
  readonly changes: readonly TargetSettingChange[];
}

export type TargetSetting = "admin" | "weight" | "priority" | "maxConnections";

export interface TargetSettingChange {
  readonly setting: TargetSetting;
  /** Null: no limit; of a weight, the one with which the target is discovered. */
  readonly before: string | number | null;
  readonly next: string | number | null;
}

/** What another configuration changes, by name. */
export interface ConfigDiff {
  readonly listenersOpened: readonly string[];
  readonly listenersClosed: readonly string[];
  readonly tunnelsAdded: readonly string[];
  readonly tunnelsRemoved: readonly string[];
  readonly tunnelsChanged: readonly string[];
  readonly targetsAdded: readonly { readonly backend: string; readonly target: string }[];
  readonly targetsRemoved: readonly { readonly backend: string; readonly target: string }[];
  /** Targets that stay but get other settings, by the file or by the operator's word. */
  readonly targetsChanged: readonly TargetSettingsChange[];
  /** What differs but takes effect only when the program is started anew. */
  readonly needsRestart: readonly string[];
}

export type ReloadResult =
  | {
      readonly ok: true;
      readonly at: string;
      readonly generation: number;
      readonly etag: string;
      readonly dryRun: boolean;
      readonly diff: ConfigDiff;
    }
  /** The old configuration serves on. */
  | { readonly ok: false; readonly at: string; readonly kind: ReloadFailure; readonly message: string };

/**
 * Why a configuration was not taken over: `invalid`, its text or its files have errors, which the message has as `check`
 * does; `cannot-listen`; `conflict`, somebody else has changed it meanwhile; `unknown`, there is no such tunnel or target;
 * `failed`, anything else.
 */
export type ReloadFailure = "invalid" | "cannot-listen" | "conflict" | "unknown" | "failed";

/** The configuration in use as a file would have it, secrets redacted. */
export interface ConfigDocument {
  readonly etag: string;
  readonly generation: number;
  /** `tunnels`, `backends` and whatever else the file has. */
  readonly document: Readonly<Record<string, unknown>>;
}

/** What was changed while running and is not in the file. */
export interface OverlayEntry {
  /** For example `tunnels/web` or `tunnels/web/targets/127.0.0.1:80`. */
  readonly path: string;
  readonly change: "put" | "patch" | "delete" | "target";
  readonly value: unknown;
  /** ISO 8601. */
  readonly at: string;
  readonly by: string | undefined;
}

/** Something that happened, as plain data. */
export interface ControlEvent {
  /** Counts up by one. */
  readonly id: number;
  /** ISO 8601. */
  readonly at: string;
  /** The name of the event, as in `EventMap`. */
  readonly name: EventName;
  /** 0: the process itself, or the supervisor where there are workers. */
  readonly worker: number;
  readonly facts: Readonly<Record<string, unknown>>;
}

export interface Control {
  status(): Promise<Status>;
  sessions(): Promise<readonly SessionStatus[]>;
  /** Ends a session with outcome `killed`; false when there is none of this id. */
  killSession(id: string): Promise<boolean>;
  /**
   * Overrides a target's weight or admin state until it is changed back, over restarts too; undefined when there is no
   * such tunnel or target.
   */
  setTarget(
    target: { readonly tunnel: string; readonly key: string },
    change: TargetChange,
    options?: ChangeOptions,
  ): Promise<TargetStatus | undefined>;
  document(): Promise<ConfigDocument>;
  /** Validates the whole with the change in it, then takes it over; remembers it in the state file. */
  change(change: ConfigChange, options?: ChangeOptions): Promise<ReloadResult>;
  /** Reads the file anew. */
  reload(options?: ChangeOptions): Promise<ReloadResult>;
  overlay(): Promise<readonly OverlayEntry[]>;
  /** Takes back changes that were made while running: the one of this path, or all. */
  dropOverlay(path: string | undefined, options?: ChangeOptions): Promise<ReloadResult>;
  /** Stops accepting; the program ends when no session is left, or after `deadlineMs`. Resolves at once. */
  drain(deadlineMs?: number): Promise<void>;
  /**
   * Starts the program anew, as it is on the disk now, on the same sockets; when the new process is ready, this one drains.
   * Returns the new process' id.
   *
   * @throws Error when it does not get ready; then nothing has changed
   */
  upgrade(): Promise<number>;
  /** Ends everything now. Resolves at once. */
  stop(): Promise<void>;
  /** The log's level; with `forMs` the one before is back after that time. */
  setLogLevel(level: LogLevel, forMs?: number): Promise<void>;
  logLevel(): Promise<LogLevel>;
  /** Prometheus' text format, all workers together. */
  metrics(): Promise<string>;
  /** What happens from now on, until the signal fires; a reader that is too slow loses the oldest. */
  events(signal: AbortSignal): AsyncIterable<ControlEvent>;
}

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];
