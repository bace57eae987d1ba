import type { Sink } from "./clocks.ts";

/** One side of a relay: the source of one direction and the sink of the other. */
export interface End extends Sink {
  /** It has sent its last byte. */
  ended: boolean;
  /** Everything for it is written, and our end after it. */
  finished: boolean;
  /** Why nothing can be written to it any more, though it may have ended properly itself. */
  lost: Error | undefined;
}

/** What a flow tells the relay that it belongs to. */
export interface FlowOwner {
  /** Called for each piece that is read, before it is written. */
  moved(from: End, bytes: number): void;
  /** Called with each piece, by flows that can give it away. */
  keep?(from: End, piece: Buffer): void;
  /** Called when the sink has taken what was waiting. */
  drained(): void;
  /** Called when bytes wait for the sink. */
  pressed(): void;
  /** Called once, when the source has ended and all its bytes are written to the sink. */
  sourceEnded(from: End, to: End): void;
  /** Called with what a callback of the flow has thrown, which would end the process: the session ends instead. */
  failed(cause: unknown): void;
}

/**
 * Moves the bytes of one direction. It never holds more than one large write: while the sink has not taken that, the
 * source is paused. What comes for a sink that is lost is thrown away. Errors are the relay's business.
 */
export interface Flow {
  /** Whether it is one of the fast ways. */
  readonly fast: boolean;
  /** Releases what it holds; the streams are over, or are about to be. Idempotent. */
  stop(): void;
}

/** Runs what a callback of Node's is to do; what that throws ends the session and not the process. */
export function guard(owner: Pick<FlowOwner, "failed">, run: () => void): void {
  try {
    run();
  } catch (error) {
    owner.failed(error);
  }
}

/** Slows a flow down to a rate. */
export interface Throttle {
  /** Milliseconds to wait before the next read, after `bytes` have been moved. */
  take(bytes: number): number;
}
