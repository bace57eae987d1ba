import type { TargetAdmin, TargetHealth } from "./backend.ts";
import type { ReloadResult } from "./control.ts";
import type { Outcome } from "./outcome.ts";
import type { PeerIdentity, RelayMode, TlsFacts } from "./session.ts";

/*
 * What a running program says of itself: plain data, which can be sent as JSON.
 */

/** The program as a whole. */
export interface Status {
  readonly version: string;
  readonly node: string;
  readonly openssl: string;
  /** The process that was asked: the supervisor, where there are workers. */
  readonly pid: number;
  /** ISO 8601. */
  readonly startedAt: string;
  /** The configuration file; undefined when the tunnels were given on the command line. */
  readonly file: string | undefined;
  /** Counts the configurations in use since the start; the first is 1. */
  readonly generation: number;
  /** Of the configuration in use, as `ConfigDocument` has it. */
  readonly etag: string;
  /** When the configuration in use was taken over. ISO 8601. */
  readonly configuredAt: string;
  /** How the last attempt to take over a configuration ended; undefined before the first reload. */
  readonly lastReload: ReloadResult | undefined;
  readonly state: "starting" | "running" | "draining" | "stopping";
  readonly workers: readonly WorkerStatus[];
  readonly tunnels: readonly TunnelStatus[];
}

export interface WorkerStatus {
  /** 1 and up; the same number goes to the process that replaces it. */
  readonly id: number;
  readonly pid: number;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly state: "starting" | "running" | "draining" | "stuck";
  /** Processes of this number that have ended unexpectedly. */
  readonly restarts: number;
  /** Sessions under way. */
  readonly sessions: number;
}

/** Bytes of payload, exact, those of sessions under way included. */
export interface ByteCounts {
  /** From clients. */
  readonly in: number;
  /** To clients. */
  readonly out: number;
}

export interface TunnelStatus {
  readonly name: string;
  /** What it comes from: the file, or a change that was made while running. */
  readonly origin: "file" | "overlay" | "command-line";
  /** Every address it is bound to; port 0 shows the port that was given. */
  readonly listeners: readonly string[];
  /** False while it waits for a usable target (`acceptWithoutTargets: false`). */
  readonly listening: boolean;
  readonly frontendTls: boolean;
  readonly backendTls: boolean;
  /** The backend's name; the tunnel's own when it is not shared. */
  readonly backend: string;
  readonly balance: string;
  /** Connections accepted since the start. */
  readonly connections: number;
  /** Sessions under way. */
  readonly active: number;
  /** Connections that wait because of a limit. */
  readonly queued: number;
  readonly bytes: ByteCounts;
  /** Sessions that have ended, by outcome. */
  readonly outcomes: Readonly<Partial<Record<Outcome, number>>>;
  /** Connections turned away, by reason. */
  readonly rejected: Readonly<Record<string, number>>;
  readonly targets: readonly TargetStatus[];
}

export interface TargetStatus {
  /** Its address as text: its name everywhere. */
  readonly key: string;
  readonly weight: number;
  readonly priority: number;
  readonly maxConnections: number | undefined;
  readonly health: TargetHealth;
  /** Why it is not up, in words. */
  readonly reason: string | undefined;
  /** Since when it has this health. ISO 8601; undefined when it never changed. */
  readonly since: string | undefined;
  readonly admin: TargetAdmin;
  /** Whether the operator's weight or admin state is in force instead of the configuration's. */
  readonly overridden: boolean;
  /** Sessions here now, all tunnels that share it together. */
  readonly active: number;
  /** Sessions of this tunnel that it was connected for since the start. */
  readonly connections: number;
  readonly failures: number;
  readonly bytes: ByteCounts;
}

export interface SessionStatus {
  readonly id: string;
  readonly tunnel: string;
  readonly worker: number;
  readonly client: string;
  readonly local: string;
  /** The name of its route, or the place in the list from 1 on; undefined without one. */
  readonly route: string | undefined;
  readonly target: string | undefined;
  readonly serverName: string | undefined;
  readonly alpn: string | undefined;
  readonly tls: TlsFacts | undefined;
  readonly peer: PeerIdentity | undefined;
  readonly relay: RelayMode | undefined;
  readonly bytes: ByteCounts;
  /** Since the accept, in milliseconds. */
  readonly ageMs: number;
}
