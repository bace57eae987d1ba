import type { TargetHealth } from "../core/backend.ts";
import type { Events } from "../core/events.ts";
import { type Outcome, SessionError } from "../core/outcome.ts";
import type { Session } from "../core/session.ts";
import { type Counts, type DurationName, mostTargets, otherTargets, type TunnelCounts } from "./counts.ts";
import { Durations } from "./durations.ts";

/** Counts of one tunnel while they are made: the data path pays for an addition and no more. */
interface TunnelTally {
  connections: number;
  /** Payload of sessions that have ended; those under way carry their own. */
  bytesIn: number;
  bytesOut: number;
  readonly rejected: Map<string, number>;
  readonly sessions: Map<Outcome, number>;
  readonly handshakes: Map<string, number>;
  readonly handshakeFailures: Map<string, number>;
  readonly redirected: Map<string, number>;
  readonly ocsp: Map<string, number>;
  readonly relays: Map<string, number>;
  readonly targets: Map<string, TargetTally>;
  readonly durations: Readonly<Record<DurationName, Durations>>;
}

interface TargetTally {
  connections: number;
  failures: number;
  bytesIn: number;
  bytesOut: number;
  readonly transitions: Map<TargetHealth, number>;
}

export interface TalliesSetup {
  readonly events: Events;
  /** The names of the tunnels that use a backend. */
  readonly tunnelsOf: (backend: string) => Iterable<string>;
  /** All that are under way. */
  readonly sessions: () => Iterable<Session>;
}

/** Counts what the events tell, by tunnel. */
export class Tallies {
  readonly #tunnels = new Map<string, TunnelTally>();
  readonly #sessions: TalliesSetup["sessions"];

  constructor({ events, tunnelsOf, sessions }: TalliesSetup) {
    this.#sessions = sessions;
    events.on("session.opened", ({ session }) => this.#opened(session));
    events.on("session.closed", ({ session }) => this.#closed(session));
    events.on("tls.established", ({ session }) => this.#established(session));
    events.on("target.connected", ({ session, ms }) => this.#connected(session, ms));
    events.on("target.health", ({ backend, target, to }) => {
      for (const tunnel of tunnelsOf(backend))
        increment(targetTally(this.#of(tunnel), target).transitions, to);
    });
    events.on("target.failed", ({ session, target, error }) => {
      const tally = this.#of(session.tunnel);
      targetTally(tally, target.key).failures++;
      if (error instanceof SessionError && error.outcome === "handshake-failed")
        increment(tally.handshakeFailures, `backend ${error.label ?? "other"}`);
    });
  }

  /** What was counted until now. */
  counts(): Counts {
    const open = Map.groupBy(this.#sessions(), ({ tunnel }) => tunnel);
    return new Map([...this.#tunnels].map(([name, tally]) => [name, countsOf(tally, open.get(name) ?? [])]));
  }

  #of(tunnel: string): TunnelTally {
    const known = this.#tunnels.get(tunnel);
    if (known) return known;
    const tally = newTally();
    this.#tunnels.set(tunnel, tally);
    return tally;
  }

  #opened(session: Session): void {
    this.#of(session.tunnel).connections++;
  }

  #closed(session: Session): void {
    const tally = this.#of(session.tunnel);
    tally.bytesIn += session.bytesIn;
    tally.bytesOut += session.bytesOut;
    increment(tally.sessions, session.outcome ?? "internal-error");
    tally.durations.session.observe((performance.now() - session.acceptedAt) / 1000);
    if (session.redirected) increment(tally.redirected, session.redirected.label);
    if (session.relay) increment(tally.relays, session.relay);
    for (const [role, result] of Object.entries(session.ocsp ?? {}))
      increment(tally.ocsp, `${role} ${result}`);
    if (session.target && session.relay) {
      const target = targetTally(tally, session.target.key);
      target.bytesIn += session.bytesIn;
      target.bytesOut += session.bytesOut;
    }
    const { error } = session;
    if (session.outcome === "limited" || session.outcome === "refused")
      increment(tally.rejected, (error instanceof SessionError && error.label) || "other");
    // with a target the failure was the backend's, and is counted there
    if (error instanceof SessionError && error.outcome === "handshake-failed" && !session.target)
      increment(tally.handshakeFailures, `frontend ${error.label ?? "other"}`);
  }

  #established({ tunnel, tls, ms }: Session): void {
    const tally = this.#of(tunnel);
    tally.durations.handshake.observe((ms.tls ?? 0) / 1000);
    if (tls) increment(tally.handshakes, `frontend ${tls.version} ${tls.resumed}`);
  }

  #connected({ tunnel, target, targetTls }: Session, ms: number): void {
    const tally = this.#of(tunnel);
    tally.durations.connect.observe(ms / 1000);
    if (target) targetTally(tally, target.key).connections++;
    if (targetTls) increment(tally.handshakes, `backend ${targetTls.version} ${targetTls.resumed}`);
  }
}

function countsOf(tally: TunnelTally, open: readonly Session[]): TunnelCounts {
  let { bytesIn, bytesOut } = tally;
  for (const session of open) {
    bytesIn += session.bytesIn;
    bytesOut += session.bytesOut;
  }
  const plain = ({ counts, sum }: Durations) => ({ counts: [...counts], sum });
  const { session, handshake, connect } = tally.durations;
  const durations = { session: plain(session), handshake: plain(handshake), connect: plain(connect) };
  const targets = new Map(
    [...tally.targets].map(([key, target]) => [key, { ...target, underWay: { in: 0, out: 0 } }]),
  );
  for (const { target, relay, bytesIn: fromClient, bytesOut: toClient } of open) {
    const there = target && relay && (targets.get(target.key) ?? targets.get(otherTargets));
    if (!there) continue;
    there.underWay.in += fromClient;
    there.underWay.out += toClient;
  }
  return { ...tally, bytesIn, bytesOut, targets, durations, active: open.length };
}

function newTally(): TunnelTally {
  return {
    connections: 0,
    bytesIn: 0,
    bytesOut: 0,
    rejected: new Map(),
    sessions: new Map(),
    handshakes: new Map(),
    handshakeFailures: new Map(),
    redirected: new Map(),
    ocsp: new Map(),
    relays: new Map(),
    targets: new Map(),
    durations: {
      session: new Durations("session"),
      handshake: new Durations("handshake"),
      connect: new Durations("connect"),
    },
  };
}

function targetTally({ targets }: TunnelTally, key: string): TargetTally {
  const known = targets.get(key);
  if (known) return known;
  const name = targets.size < mostTargets ? key : otherTargets;
  const tally = targets.get(name) ?? newTargetTally();
  targets.set(name, tally);
  return tally;
}

function newTargetTally(): TargetTally {
  return { connections: 0, failures: 0, bytesIn: 0, bytesOut: 0, transitions: new Map() };
}

function increment<Key extends string>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
