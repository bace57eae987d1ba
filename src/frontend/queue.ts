import type { Duplex } from "node:stream";
import { SessionError } from "../core/outcome.ts";
import type { Session } from "../core/session.ts";
import { type DepartureOptions, watchDeparture } from "./departure.ts";

export interface QueueOptions extends DepartureOptions {
  /** Sessions that may wait at a time. */
  readonly capacity: number;
  /** Milliseconds that a session waits at most. */
  readonly timeout: number;
}

interface Waiting {
  readonly stream: Duplex;
  /** Takes it out of the queue, and lets it go on or fail. */
  leave(reason?: SessionError): void;
}

/** Sessions that wait for their turn, first come first served. */
export class Queue {
  #options: QueueOptions;
  /** In the order of their coming. */
  readonly #waiting = new Set<Waiting>();

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /** For those that come from now on. */
  configure(options: QueueOptions): void {
    this.#options = options;
  }

  get length(): number {
    return this.#waiting.size;
  }

  get full(): boolean {
    return this.#waiting.size >= this.#options.capacity;
  }

  /**
   * Resolves when it is the session's turn.
   *
   * @param what it waits for, in words
   * @throws SessionError `limited` when it has waited too long, or why the session has ended meanwhile
   */
  wait(session: Session, stream: Duplex, what: string): Promise<void> {
    const { timeout, mayEnd } = this.#options;
    if (session.aborted) return Promise.reject(session.aborted);
    return new Promise((resolve, reject) => {
      const leave = (reason?: SessionError) => {
        clearTimeout(timer);
        unwatch();
        this.#waiting.delete(waiting);
        if (reason) reject(reason);
        else resolve();
      };
      const waiting: Waiting = { stream, leave };
      const timer = setTimeout(() => {
        const message = `it has waited too long: ${what}`;
        leave(new SessionError("limited", message, { label: "queue-timeout" }));
      }, timeout);
      this.#waiting.add(waiting);
      const unwatch = watchDeparture(session, stream, { mayEnd, left: leave });
    });
  }

  /** Lets the first go on, and returns its stream; undefined when nobody waits. */
  next(): Duplex | undefined {
    const [first] = this.#waiting;
    first?.leave();
    return first?.stream;
  }
}
