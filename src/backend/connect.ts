import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Balancer } from "../core/backend.ts";
import type { Events } from "../core/events.ts";
import { reasonOf, SessionError } from "../core/outcome.ts";
import type { RelayMode, Session } from "../core/session.ts";
import { destroyBoth } from "../net/transport.ts";
import { tlsFacts } from "../tls/peer.ts";
import { type Dial, type DialOptions, dial } from "./dial.ts";
import type { PassiveChecks } from "./health/passive.ts";
import type { LiveTarget } from "./target.ts";
import type { Targets } from "./targets.ts";

export interface ConnectOptions {
  /** Milliseconds for one attempt. */
  readonly timeout: number;
  /** Milliseconds for all attempts together. */
  readonly deadline: number;
  /** Targets tried, each once, before a session fails. */
  readonly attempts: number;
  /** Milliseconds after which the next target is tried beside one that does not answer; 0 for never. */
  readonly race: number;
}

export interface ConnectSetup {
  readonly backend: string;
  readonly targets: Targets;
  readonly balancer: Balancer;
  readonly passive: PassiveChecks;
  readonly dial: DialOptions;
  readonly connect: ConnectOptions;
  readonly events: Events;
}

export interface ConnectHow {
  /** How the session's payload will be moved. */
  readonly relay: RelayMode;
  /** A target that the session has just lost. */
  readonly avoid?: LiveTarget | undefined;
}

/** A stream to a target, and how the first connected one was found. */
export interface Connected {
  readonly stream: Duplex;
  readonly target: LiveTarget;
}

/**
 * Finds a target for the session: each candidate once, one after the other, or side by side when one does not answer
 * within `race` (after RFC 8305). The first to connect wins; the others go on unheard until they have shown whether
 * they work, so that a target is never blamed for being second.
 *
 * @throws SessionError `no-target`, `limited`, `connect-failed`, or why the session was aborted meanwhile
 */
export async function connect(session: Session, setup: ConnectSetup, how: ConnectHow): Promise<Connected> {
  const search = new Search(session, setup, how);
  session.interrupt = (reason) => search.stop(reason);
  try {
    return await search.run();
  } finally {
    session.interrupt = undefined;
  }
}

class Search {
  readonly #session: Session;
  readonly #setup: ConnectSetup;
  readonly #relay: RelayMode;
  readonly #endsAt: number;
  readonly #tried: Set<LiveTarget>;
  readonly #dials = new Set<Dial>();
  readonly #failures: string[] = [];
  #attempts = 0;
  #winner: Connected | undefined;
  #stopped = false;
  /** Ends the wait in `run`: a dial has settled, or it is time to try another target. */
  #wake: () => void = () => {};

  constructor(session: Session, setup: ConnectSetup, { relay, avoid }: ConnectHow) {
    this.#relay = relay;
    this.#session = session;
    this.#setup = setup;
    this.#endsAt = performance.now() + setup.connect.deadline;
    this.#tried = new Set(avoid ? [avoid] : []);
  }

  async run(): Promise<Connected> {
    while (!this.#winner) {
      if (this.#session.aborted) throw this.#session.aborted;
      const target = this.#pick();
      if (target) this.#start(target);
      else if (this.#dials.size === 0) throw this.#failure();
      await this.#news();
    }
    return this.#winner;
  }

  stop(reason: SessionError): void {
    this.#stopped = true;
    for (const attempt of this.#dials) attempt.stop(reason);
    this.#wake();
  }

  #pick(): LiveTarget | undefined {
    const candidates = this.#candidates();
    return candidates.length === 0
      ? undefined
      : (this.#setup.balancer.pick(candidates, this.#session) as LiveTarget);
  }

  #candidates(): readonly LiveTarget[] {
    const { targets, connect } = this.#setup;
    if (this.#attempts >= connect.attempts || performance.now() >= this.#endsAt) return [];
    if (targets.all.every((target) => this.#tried.has(target))) return [];
    return targets.candidates(this.#tried.size > 0 ? this.#tried : undefined);
  }

  #news(): Promise<void> {
    const { race } = this.#setup.connect;
    return new Promise((resolve) => {
      const timer = race > 0 && this.#candidates().length > 0 ? setTimeout(resolve, race) : undefined;
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #start(target: LiveTarget): void {
    const { dial: options, connect } = this.#setup;
    this.#tried.add(target);
    this.#attempts++;
    this.#session.attempts++;
    this.#session.target = target;
    target.active++;
    const started = performance.now();
    const timeout = Math.max(1, Math.min(connect.timeout, this.#endsAt - started));
    const attempt = dial(this.#session, target, { ...options, relay: this.#relay, timeout });
    this.#dials.add(attempt);
    attempt.stream.then(
      (stream) => {
        this.#dials.delete(attempt);
        this.#connected({ stream, target }, performance.now() - started);
      },
      (error: unknown) => {
        this.#dials.delete(attempt);
        this.#failed(target, error);
      },
    );
  }

  #connected(connected: Connected, ms: number): void {
    const { stream, target } = connected;
    this.#setup.passive.succeeded(target);
    if (this.#winner || this.#stopped) {
      target.active--;
      destroyBoth(stream);
      return;
    }
    this.#winner = connected;
    this.#session.target = target;
    if ("encrypted" in stream) this.#session.targetTls = tlsFacts(stream as TLSSocket);
    this.#setup.events.emit("target.connected", { session: this.#session, ms });
    this.#wake();
  }

  #failed(target: LiveTarget, error: unknown): void {
    target.active--;
    if (!this.#stopped) {
      this.#setup.passive.failed(target, error);
      this.#failures.push(`${target.key}: ${reasonOf(error)}`);
      this.#setup.events.emit("target.failed", { session: this.#session, target, error });
    }
    this.#wake();
  }

  #failure(): SessionError {
    const { backend, targets } = this.#setup;
    if (this.#failures.length > 0)
      return new SessionError("connect-failed", `backend ${backend}: ${this.#failures.join("; ")}`);
    if (targets.all.some((target) => target.usable && target.full))
      return new SessionError("limited", `backend ${backend}: every usable target is at its maxConnections`);
    return new SessionError("no-target", `backend ${backend}: no usable target`);
  }
}
