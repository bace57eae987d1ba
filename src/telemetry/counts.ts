import type { TargetHealth } from "../core/backend.ts";
import type { Outcome } from "../core/outcome.ts";

/*
 * What was counted, as plain data: it can be sent from a worker to its supervisor, and counts of several processes can be
 * added up.
 */

/** Counts of one tunnel since the start. */
export interface TunnelCounts {
  readonly connections: number;
  /** Sessions under way. */
  readonly active: number;
  /** Payload, that of sessions under way included. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Connections turned away, by reason. */
  readonly rejected: ReadonlyMap<string, number>;
  readonly sessions: ReadonlyMap<Outcome, number>;
  /** By `side version resumed`. */
  readonly handshakes: ReadonlyMap<string, number>;
  /** By `side reason`. */
  readonly handshakeFailures: ReadonlyMap<string, number>;
  /** Sessions of clients that were not let in and sent elsewhere, by reason. */
  readonly redirected: ReadonlyMap<string, number>;
  /** By `role result`: what OCSP said about clients' and servers' certificates. */
  readonly ocsp: ReadonlyMap<string, number>;
  /** By relay mode. */
  readonly relays: ReadonlyMap<string, number>;
  /** By target. */
  readonly targets: ReadonlyMap<string, TargetCounts>;
  readonly durations: Readonly<Record<DurationName, DurationCounts>>;
}

export interface TargetCounts {
  readonly connections: number;
  readonly failures: number;
  /** Payload of sessions that have ended: a session may go on at another target, and a counter never goes back. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Payload of sessions that are here now, since their beginning. */
  readonly underWay: { readonly in: number; readonly out: number };
  /** By the health that a change led to. */
  readonly transitions: ReadonlyMap<TargetHealth, number>;
}

/** How many observations fell into each bucket, not cumulated; the last bucket has no upper bound. */
export interface DurationCounts {
  readonly counts: readonly number[];
  /** Seconds. */
  readonly sum: number;
}

export type DurationName = "session" | "handshake" | "connect";

/** More targets of one tunnel than this are counted together, under this name. */
export const mostTargets = 200;
export const otherTargets = "_other";

/** By tunnel. */
export type Counts = ReadonlyMap<string, TunnelCounts>;

/** Adds up what several processes have counted; `active` too, so leave out processes that are gone with `ended`. */
export function sumCounts(all: Iterable<Counts>): Counts {
  return mergeMaps(all, addTunnels);
}

/** The counts of a process that is gone: its sessions are no longer under way. */
export function ended(counts: Counts): Counts {
  return new Map(
    [...counts].map(([tunnel, of]) => [tunnel, { ...of, active: 0, targets: settled(of.targets) }]),
  );
}

/** What was under way at a target counts as what has ended there. */
function settled(targets: TunnelCounts["targets"]): TunnelCounts["targets"] {
  return new Map(
    [...targets].map(([key, { underWay, ...target }]) => [
      key,
      {
        ...target,
        bytesIn: target.bytesIn + underWay.in,
        bytesOut: target.bytesOut + underWay.out,
        underWay: { in: 0, out: 0 },
      },
    ]),
  );
}

function addTunnels(one: TunnelCounts, other: TunnelCounts): TunnelCounts {
  return {
    connections: one.connections + other.connections,
    active: one.active + other.active,
    bytesIn: one.bytesIn + other.bytesIn,
    bytesOut: one.bytesOut + other.bytesOut,
    rejected: mergeMaps([one.rejected, other.rejected], add),
    sessions: mergeMaps([one.sessions, other.sessions], add),
    handshakes: mergeMaps([one.handshakes, other.handshakes], add),
    handshakeFailures: mergeMaps([one.handshakeFailures, other.handshakeFailures], add),
    redirected: mergeMaps([one.redirected, other.redirected], add),
    ocsp: mergeMaps([one.ocsp, other.ocsp], add),
    relays: mergeMaps([one.relays, other.relays], add),
    targets: mergeMaps([one.targets, other.targets], addTargets),
    durations: {
      session: addDurations(one.durations.session, other.durations.session),
      handshake: addDurations(one.durations.handshake, other.durations.handshake),
      connect: addDurations(one.durations.connect, other.durations.connect),
    },
  };
}

function addTargets(one: TargetCounts, other: TargetCounts): TargetCounts {
  return {
    connections: one.connections + other.connections,
    failures: one.failures + other.failures,
    bytesIn: one.bytesIn + other.bytesIn,
    bytesOut: one.bytesOut + other.bytesOut,
    underWay: {
      in: one.underWay.in + other.underWay.in,
      out: one.underWay.out + other.underWay.out,
    },
    transitions: mergeMaps([one.transitions, other.transitions], add),
  };
}

function addDurations(one: DurationCounts, other: DurationCounts): DurationCounts {
  const { length } = one.counts.length > other.counts.length ? one.counts : other.counts;
  const counts = Array.from({ length }, (_, index) => (one.counts[index] ?? 0) + (other.counts[index] ?? 0));
  return { counts, sum: one.sum + other.sum };
}

function add(one: number, other: number): number {
  return one + other;
}

function mergeMaps<Key, Value>(
  maps: Iterable<ReadonlyMap<Key, Value>>,
  merge: (one: Value, other: Value) => Value,
): Map<Key, Value> {
  const merged = new Map<Key, Value>();
  for (const map of maps)
    for (const [key, value] of map) {
      const known = merged.get(key);
      merged.set(key, known === undefined ? value : merge(known, value));
    }
  return merged;
}
