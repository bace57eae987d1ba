import type { Duplex } from "node:stream";
import { formatDuration } from "../core/units.ts";
import { queuedBytes } from "./transport.ts";

/** Limits of a relay in milliseconds; 0 means never. */
export interface ClockLimits {
  /** Without a byte in either direction. */
  readonly idle: number;
  /** While bytes wait for a peer that takes none. */
  readonly stall: number;
  /** Without a byte after one side has ended, nothing waiting to be taken. */
  readonly halfClose: number;
  /** `performance.now()` after which the session ends whatever moves; Infinity means never. */
  readonly endsAt: number;
}

/** One end of a relay, as the stall clock sees it. */
export interface Sink {
  readonly name: "client" | "target";
  readonly stream: Duplex;
  /** Bytes written to the stream since the start. */
  written: number;
}

export type Expiry = { readonly outcome: "idle-timeout" | "lifetime"; readonly reason: string };

/** What a sink had taken when it was seen to move last, and when that was. */
interface Progress {
  readonly taken: number;
  readonly queued: number;
  readonly at: number;
}

export interface ClockCalls {
  /** Called once, when a limit is reached; the clocks have stopped. */
  readonly expired: (expiry: Expiry) => void;
  /** Called once, when the session is none of the many short ones: ten seconds after its start. */
  readonly lasting: () => void;
  /** Called with what was thrown while the clocks were looked at; they have stopped. */
  readonly failed: (cause: unknown) => void;
}

const lastingAfter = 10_000;

/** How often a stalled peer is looked at, at most; a quarter of the limit if that is shorter. */
const longestTick = 1000;

/**
 * All clocks of one session on a single timer, which is armed for the earliest moment something could have expired and
 * looks then: a byte that moves costs one clock reading and no timer call.
 */
export class Clocks {
  readonly #limits: ClockLimits;
  readonly #sinks: readonly Sink[];
  readonly #calls: ClockCalls;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires. */
  #due = Number.POSITIVE_INFINITY;
  #moved = performance.now();
  /** When the session becomes a lasting one; Infinity once it is. */
  #lastingAt = this.#moved + lastingAfter;
  #halfClosed = false;
  /** Of those that are waited for; most sessions never wait. */
  #progress: Map<Sink, Progress> | undefined;

  constructor(limits: ClockLimits, sinks: readonly Sink[], calls: ClockCalls) {
    this.#limits = limits;
    this.#sinks = sinks;
    this.#calls = calls;
    this.#arm(this.#nextCheck(this.#moved));
  }

  /** Bytes have moved in some direction (pitfall: a slow but live reader must not count as idle). */
  moved(): void {
    this.#moved = performance.now();
  }

  /** Bytes wait to be taken: the stall clock has to look more often. */
  pressed(): void {
    if (this.#limits.stall === 0) return;
    const tick = performance.now() + this.#tick();
    if (tick < this.#due) this.#arm(tick);
  }

  /** One side has ended; from now on silence is allowed for `halfClose` only. */
  halfClosed(): void {
    this.#halfClosed = true;
    this.#moved = performance.now();
    const next = this.#nextCheck(this.#moved);
    if (next < this.#due) this.#arm(next);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #look = (): void => {
    try {
      this.#check();
    } catch (error) {
      this.stop();
      this.#calls.failed(error);
    }
  };

  #check(): void {
    const now = performance.now();
    const waiting = this.#sinks.filter((sink) => sink.stream.writableLength > 0);
    const expiry = this.#stalled(waiting, now) ?? this.#expired(waiting.length > 0, now);
    if (expiry) {
      this.stop();
      this.#calls.expired(expiry);
      return;
    }
    if (now >= this.#lastingAt) {
      this.#lastingAt = Number.POSITIVE_INFINITY;
      this.#calls.lasting();
    }
    const next = this.#nextCheck(this.#moved);
    this.#arm(waiting.length > 0 && this.#limits.stall > 0 ? Math.min(next, now + this.#tick()) : next);
  }

  #stalled(waiting: readonly Sink[], now: number): Expiry | undefined {
    const { stall } = this.#limits;
    if (waiting.length === 0 && !this.#progress) return undefined;
    this.#progress ??= new Map();
    for (const sink of this.#progress.keys()) if (!waiting.includes(sink)) this.#progress.delete(sink);
    for (const sink of waiting) {
      const since = stalledFor(sink, this.#progress, now);
      if (since === 0) this.#moved = now;
      else if (stall > 0 && since >= stall)
        return {
          outcome: "idle-timeout",
          reason: `the ${sink.name} took no byte for ${formatDuration(stall)}`,
        };
    }
    return undefined;
  }

  #expired(waiting: boolean, now: number): Expiry | undefined {
    const { idle, halfClose, endsAt } = this.#limits;
    const silence = now - this.#moved;
    if (now >= endsAt) return { outcome: "lifetime", reason: "the session's lifetime is over" };
    // what waits to be taken is never thrown away by the half-close clock: that is the stall clock's business
    if (this.#halfClosed && !waiting && halfClose > 0 && silence >= halfClose)
      return {
        outcome: "idle-timeout",
        reason: `no byte for ${formatDuration(halfClose)} after one side had ended`,
      };
    if (idle > 0 && silence >= idle)
      return { outcome: "idle-timeout", reason: `no byte for ${formatDuration(idle)}` };
    return undefined;
  }

  #nextCheck(moved: number): number {
    const { idle, halfClose, endsAt } = this.#limits;
    let next = Math.min(endsAt, this.#lastingAt);
    if (idle > 0) next = Math.min(next, moved + idle);
    if (this.#halfClosed && halfClose > 0) next = Math.min(next, moved + halfClose);
    return next;
  }

  #tick(): number {
    return Math.min(longestTick, this.#limits.stall / 4);
  }

  #arm(due: number): void {
    clearTimeout(this.#timer);
    this.#due = due;
    if (due === Number.POSITIVE_INFINITY) return;
    // a millisecond early would find nothing expired and arm once more for nothing
    this.#timer = setTimeout(this.#look, Math.max(1, Math.ceil(due - performance.now())));
  }
}

/** How long `sink` has not moved, in milliseconds; 0 when it has moved since the last look. */
function stalledFor(sink: Sink, progress: Map<Sink, Progress>, now: number): number {
  const taken = sink.written - sink.stream.writableLength;
  const queued = queuedBytes(sink.stream);
  const last = progress.get(sink);
  if (last && last.taken === taken && last.queued === queued) return now - last.at;
  progress.set(sink, { taken, queued, at: now });
  return 0;
}
