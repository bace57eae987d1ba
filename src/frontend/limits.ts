import type { Duplex } from "node:stream";
import { SessionError } from "../core/outcome.ts";
import type { Session } from "../core/session.ts";
import type { Stage } from "../core/stage.ts";
import { type DepartureOptions, whenClosed } from "./departure.ts";
import { Queue } from "./queue.ts";
import { TokenBucket, type TokenBucketOptions } from "./token-bucket.ts";

export interface LimitsOptions extends DepartureOptions {
  /** Connections at a time. */
  readonly connections: number;
  readonly rate?: TokenBucketOptions | undefined;
  /** Connections that may wait for what they cannot have at once. */
  readonly queue: number;
  /** Milliseconds. */
  readonly queueTimeout: number;
}

/** Which limit stands in a connection's way: a metric's label. */
type Lack = "connections" | "rate";

/** A tunnel's limits on how many connections there are, and how fast they come. */
export class Limits {
  #connections: number;
  #rate: TokenBucket | undefined;
  readonly #queue: Queue;
  #open = 0;
  /** Runs while somebody waits for nothing but the rate. */
  #timer: NodeJS.Timeout | undefined;

  constructor({ connections, rate, queue, queueTimeout, mayEnd }: LimitsOptions) {
    this.#connections = connections;
    this.#rate = rate && new TokenBucket(rate);
    this.#queue = new Queue({ capacity: queue, timeout: queueTimeout, mayEnd });
  }

  /** Other limits from now on. Connections keep their slots, and those that wait their places. */
  configure({ connections, rate, queue, queueTimeout, mayEnd }: LimitsOptions): void {
    this.#connections = connections;
    this.#rate = rate && new TokenBucket(rate);
    this.#queue.configure({ capacity: queue, timeout: queueTimeout, mayEnd });
    this.#advance();
  }

  /** Connections that wait. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** A preamble stage: lets a connection in, has it wait for its turn, or refuses it. Nobody overtakes. */
  readonly stage: Stage = async (session: Session, stream: Duplex) => {
    this.#advance();
    // whoever still waits now waits for a reason
    const lack = this.#lack();
    if (lack === undefined) {
      this.#rate?.take();
      this.#hold(stream);
      return stream;
    }
    const what = this.#describe(lack);
    if (this.#queue.full) throw this.#refusal(lack, what);
    const turn = this.#queue.wait(session, stream, what);
    this.#advance();
    await turn;
    return stream;
  };

  /** Lets in as many of those who wait as there is room for. */
  #advance(): void {
    while (this.#queue.length > 0) {
      const lack = this.#lack();
      if (lack === "rate") this.#advanceLater();
      if (lack !== undefined) return;
      this.#rate?.take();
      const stream = this.#queue.next();
      if (stream) this.#hold(stream);
    }
  }

  #advanceLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#advance();
    }, this.#rate?.wait);
  }

  #lack(): Lack | undefined {
    if (this.#open >= this.#connections) return "connections";
    return this.#rate && this.#rate.wait > 0 ? "rate" : undefined;
  }

  /** Takes a slot until the connection is closed. */
  #hold(stream: Duplex): void {
    this.#open++;
    whenClosed(stream, () => {
      this.#open--;
      this.#advance();
    });
  }

  #describe(lack: Lack): string {
    return lack === "rate"
      ? "connections come faster than the rate allows"
      : `all ${this.#connections} connections are taken`;
  }

  #refusal(lack: Lack, what: string): SessionError {
    const { length } = this.#queue;
    return length === 0
      ? new SessionError("limited", what, { label: lack })
      : new SessionError("limited", `${what}, and ${length} wait already`, { label: "queue" });
  }
}
