import type { Duplex } from "node:stream";
import type { Address } from "./address.ts";
import type { Session } from "./session.ts";

/** A target as the configuration or a provider names it. */
export interface TargetSpec {
  readonly address: Address;
  /** Share of the sessions, 1 to 1000. */
  readonly weight: number;
  /** The tier: targets of a higher number are used only while no lower one is usable. Default 0. */
  readonly priority?: number | undefined;
  /** Sessions at one time; beyond it the target is passed over. */
  readonly maxConnections?: number | undefined;
  /** The name of the target's certificate and SNI, where it differs from the host of the address. */
  readonly serverName?: string | undefined;
  /** Where probes go, where that is not the address itself. */
  readonly checkAddress?: Address | undefined;
}

/** What probes and passive checks say of a target: `down` by a probe, `ejected` by failed sessions. */
export type TargetHealth = "up" | "down" | "ejected";
/** What the operator says: no probe ever undoes it. `draining` and `disabled` get no new sessions. */
export type TargetAdmin = "enabled" | "draining" | "disabled";

/** One place a backend can send a session, with its live state. */
export interface Target extends TargetSpec {
  /** Identity across reloads and discovery: the formatted address. */
  readonly key: string;
  readonly health: TargetHealth;
  /** Why it is not up, in words. */
  readonly reason: string | undefined;
  /** When its health last changed, as `Date.now()` has it; undefined when it never has. */
  readonly changedAt: number | undefined;
  readonly admin: TargetAdmin;
  /** Whether the operator's weight or admin state is in force instead of the configuration's. */
  readonly overridden: boolean;
  /** Sessions connected, or being connected, to it now. */
  readonly active: number;
  /** Sessions it has been connected for since the start. */
  readonly connections: number;
  /** Attempts to connect to it that failed since the start. */
  readonly failures: number;
  /** Failed attempts less successful ones, 0 to 100: Equilibria's error score. */
  readonly errorScore: number;
}

/** Chooses among targets. Knows nothing of health, retries or limits: it only ever sees usable candidates. */
export interface Balancer {
  /** Called once per attempt, synchronously. `candidates` is never empty; must return one of them. */
  pick(candidates: readonly Target[], session: Session): Target;
}

/** How a probe wants a connection to the target that it checks. */
export interface CheckConnection {
  /** Whether to speak TLS as the backend's `tls` says; without a word, as sessions do. */
  readonly tls?: boolean | undefined;
  /** The application protocols to offer, if not those that sessions offer. */
  readonly alpn?: readonly string[] | undefined;
}

/** What a probe has for one check. */
export interface Check {
  /** Fires at the deadline, and when nobody wants to know any more. */
  readonly signal: AbortSignal;
  /** Connects to the target, or to its check address. The stream is closed for the probe when the check is over. */
  connect(connection?: CheckConnection): Promise<Duplex>;
}

/** Asks whether a target works. One instance per backend; checks of several targets run at the same time. */
export interface Probe {
  /**
   * Resolves when the target works; throws an Error whose message says why it does not. When the signal fires, its
   * streams are destroyed, and what it returns is not waited for.
   */
  check(target: Target, check: Check): Promise<void>;
}

/** Finds targets. */
export interface Provider {
  /**
   * Yields the whole set each time it changes, first as soon as it is known. Ends only by `signal`; throws when it cannot
   * go on, and is then started anew after a pause, the last set staying in use.
   */
  watch(signal: AbortSignal): AsyncIterable<readonly TargetSpec[]>;
}
