import type { Duplex } from "node:stream";
import type { Session } from "./session.ts";

/**
 * One step on a stream: takes the stream and returns the one to use from then on (itself, or a wrapper such as TLS).
 * Runs under a deadline of its own. Throws `SessionError` to end the session; whoever called it destroys the stream.
 */
export type Stage = (session: Session, stream: Duplex) => Promise<Duplex>;

/** Owns the client's stream from the moment it is called until its promise settles. */
export interface Handler {
  /** Resolves when the session is over; throws `SessionError` when it ended badly. */
  serve(session: Session, client: Duplex): Promise<void>;
}

/** Where a session goes once the preamble is read: its own stages (TLS, access rules), then its handler. */
export interface Route {
  readonly stages: readonly Stage[];
  readonly handler: Handler;
}
