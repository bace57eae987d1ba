import type { Duplex } from "node:stream";
import { reasonOf, SessionError } from "../core/outcome.ts";
import type { Session } from "../core/session.ts";
import { BulkFlow } from "./bulk-flow.ts";
import { bulkReaderOf } from "./bulk-socket.ts";
import { Clocks } from "./clocks.ts";
import { type End, type Flow, type FlowOwner, guard } from "./flow.ts";
import { GatherFlow } from "./gather-flow.ts";
import type { RelayOptions } from "./relay-options.ts";
import { ReplayBuffer } from "./replay-buffer.ts";
import { describeSocketError } from "./socket-error.ts";
import { keepAlive } from "./socket-options.ts";
import { StreamFlow } from "./stream-flow.ts";
import { destroyBoth, endWriting, reset } from "./transport.ts";

export interface RelayEnds {
  readonly client: Duplex;
  readonly target: Duplex;
}

/**
 * Moves bytes between the two streams until both have ended, and counts them in the session. A half-close is passed
 * on once everything before it is written; a reset is passed on as a reset. Memory is bounded: a source is paused while
 * its sink has not taken what it was given.
 *
 * Resolves when both directions have ended cleanly. Throws `SessionError` otherwise; both streams are reset then.
 */
export function relay(session: Session, ends: RelayEnds, options: RelayOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    new Relay(session, ends, options).start((error) => (error ? reject(error) : resolve()));
  });
}

class Relay implements FlowOwner {
  readonly #session: Session;
  readonly #options: RelayOptions;
  readonly #client: End;
  #target: End;
  /** What the clocks look at: both ends, the target's replaced when the target is. */
  readonly #ends: End[];
  readonly #clocks: Clocks;
  readonly #kept: ReplayBuffer | undefined;
  #replacements = 0;
  #replacing = false;
  #isLasting = false;
  #flows: readonly Flow[] = [];
  #settled: ((error?: Error) => void) | undefined;

  constructor(session: Session, ends: RelayEnds, options: RelayOptions) {
    this.#session = session;
    this.#options = options;
    this.#client = newEnd("client", ends.client);
    this.#target = newEnd("target", ends.target);
    this.#ends = [this.#client, this.#target];
    this.#kept = options.failover?.keep === undefined ? undefined : new ReplayBuffer(options.failover.keep);
    this.#clocks = new Clocks(options, this.#ends, {
      expired: ({ outcome, reason }) => this.#fail(new SessionError(outcome, reason)),
      lasting: () => {
        this.#isLasting = true;
        keepAlive(this.#target.stream);
      },
      failed: (cause) => this.failed(cause),
    });
  }

  start(settled: (error?: Error) => void): void {
    this.#settled = settled;
    this.#session.interrupt = (reason) => this.#fail(reason);
    const [client, target] = [this.#client, this.#target];
    this.#watch(client);
    this.#watch(target);
    if (this.#session.aborted) this.#fail(this.#session.aborted);
    else if (client.stream.destroyed) this.#closed(client);
    else if (target.stream.destroyed) this.#closed(target);
    else this.#flow();
  }

  #flow(): void {
    const [client, target] = [this.#client, this.#target];
    this.#flows = [this.#startFlow(client, target), this.#startFlow(target, client)];
    this.#session.relay = this.#flows.every((flow) => flow.fast) ? "fast" : "stream";
  }

  /** The fastest flow that the source and the options allow. */
  #startFlow(from: End, to: End): Flow {
    const { mode, throttle, failover } = this.#options;
    if (mode === "stream" || throttle || failover) return new StreamFlow(this, { from, to }, throttle);
    const reader = bulkReaderOf(from.stream);
    if (reader) return new BulkFlow(this, { from, to }, reader);
    return "encrypted" in from.stream ? new GatherFlow(this, from, to) : new StreamFlow(this, { from, to });
  }

  moved(from: End, bytes: number): void {
    if (from === this.#client) this.#session.bytesIn += bytes;
    else this.#session.bytesOut += bytes;
    // bytes for a sink that is lost are no progress: they must not keep the session alive
    if (!(from === this.#client ? this.#target : this.#client).lost) this.#clocks.moved();
  }

  keep(from: End, piece: Buffer): void {
    if (from === this.#client) this.#kept?.push(piece);
    else {
      // the client has an answer: sending its bytes to another target now could do a thing twice
      this.#kept?.giveUp();
      this.#replacements = 0;
    }
  }

  drained(): void {
    this.#clocks.moved();
  }

  pressed(): void {
    this.#clocks.pressed();
  }

  sourceEnded(from: End, to: End): void {
    if (from.ended) return;
    from.ended = true;
    this.#clocks.halfClosed();
    if (to.lost) this.#settleWhenOver();
    else endWriting(to.stream);
  }

  failed(cause: unknown): void {
    const error = new SessionError("internal-error", reasonOf(cause), { cause });
    try {
      this.#fail(error);
    } finally {
      // both ends are destroyed by whoever waits for the relay
      this.#settle(error);
    }
  }

  #watch(end: End): void {
    const { stream } = end;
    stream.on("error", (error) => guard(this, () => this.#lose(end, error)));
    stream.on("close", () => guard(this, () => this.#closed(end)));
    stream.on("finish", () =>
      guard(this, () => {
        end.finished = true;
        this.#clocks.moved();
        this.#settleWhenOver();
      }),
    );
  }

  #settleWhenOver(): void {
    const [client, target] = [this.#client, this.#target];
    if (isOver(client, target) && isOver(target, client)) this.#settle(client.lost ?? target.lost);
  }

  #closed(end: End): void {
    if (!end.ended || !end.finished) this.#lose(end, new Error("closed before it had ended"));
  }

  /**
   * `end` is gone. If it had ended properly, what it sent is still delivered and what comes for it is thrown away, until
   * the other side ends too or is silent for `halfClose`: a target that answers, closes and then gets more bytes resets
   * its connection, and its answer is still good. A reset sent now could destroy it on its way (pitfall 10).
   */
  #lose(end: End, cause: Error): void {
    if (!this.#settled || end.lost || !this.#ends.includes(end)) return;
    const other = end === this.#client ? this.#target : this.#client;
    const error = new SessionError(`${end.name}-reset`, `${end.name}: ${describeSocketError(cause)}`, {
      cause,
    });
    end.lost = error;
    if (end.ended) {
      other.stream.resume();
      this.#settleWhenOver();
    } else if (end === this.#target && this.#mayReplace()) void this.#replace(error);
    else this.#fail(error);
  }

  #mayReplace(): boolean {
    const { failover } = this.#options;
    if (!failover || this.#client.lost || this.#replacements >= failover.attempts) return false;
    return failover.keep === undefined || this.#kept?.complete === true;
  }

  /** Puts another target in the place of the lost one. The client waits meanwhile. */
  async #replace(loss: SessionError): Promise<void> {
    this.#replacements++;
    for (const flow of this.#flows) flow.stop();
    this.#client.stream.pause();
    destroyBoth(this.#target.stream);
    this.#replacing = true;
    const stream = await this.#options.failover?.replace(loss).catch(() => undefined);
    this.#replacing = false;
    if (!this.#settled || !stream) {
      if (stream) destroyBoth(stream);
      this.#fail(this.#session.aborted ?? loss);
      return;
    }
    this.#session.interrupt = (reason) => this.#fail(reason);
    this.#target = newEnd("target", stream);
    this.#ends[1] = this.#target;
    this.#watch(this.#target);
    if (this.#isLasting) keepAlive(stream);
    guard(this, () => {
      for (const piece of this.#kept?.pieces ?? []) stream.write(piece);
      if (this.#client.ended) endWriting(stream);
      this.#clocks.moved();
      this.#flow();
    });
  }

  #fail(error: SessionError): void {
    if (!this.#settled) return;
    // whoever looks for another target must stop
    if (this.#replacing) this.#session.abort(error.outcome, error.message);
    reset(this.#client.stream);
    reset(this.#target.stream);
    this.#settle(error);
  }

  #settle(error?: Error): void {
    const settled = this.#settled;
    if (!settled) return;
    this.#settled = undefined;
    this.#session.interrupt = undefined;
    this.#clocks.stop();
    for (const flow of this.#flows) flow.stop();
    settled(error);
  }
}

function newEnd(name: End["name"], stream: Duplex): End {
  return { name, stream, written: 0, ended: false, finished: false, lost: undefined };
}

/** Whether nothing more will be written to `end`, whose source is `other`. */
function isOver(end: End, other: End): boolean {
  return end.finished || (end.lost !== undefined && other.ended);
}
