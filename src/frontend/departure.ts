import type { Duplex } from "node:stream";
import { SessionError } from "../core/outcome.ts";
import type { Session } from "../core/session.ts";

export interface DepartureOptions {
  /** Whether a client that has sent something may end, and wait for its answer. */
  readonly mayEnd: boolean;
}

/** Calls `release` once, when the client's connection is closed. */
export function whenClosed(stream: Duplex, release: () => void): void {
  if (stream.closed) release();
  else stream.once("close", release);
}

/**
 * Calls `left` once when the client of a session that is kept waiting has gone: reset, ended without having sent
 * anything, or the session is aborted. What it sends meanwhile waits in the stream's buffer. Returns the function that
 * ends the watch.
 */
export function watchDeparture(
  session: Session,
  stream: Duplex,
  { mayEnd, left }: DepartureOptions & { readonly left: (reason: SessionError) => void },
): () => void {
  const { push } = stream;
  const unwatch = () => {
    session.interrupt = undefined;
    Reflect.deleteProperty(stream, "push");
  };
  const leave = (reason: SessionError) => {
    unwatch();
    left(reason);
  };
  session.interrupt = leave;
  // no event of Node tells of an end while nobody reads
  stream.push = (chunk, encoding) => {
    const more = push.call(stream, chunk, encoding);
    if (chunk === null && !(mayEnd && stream.readableLength > 0))
      leave(new SessionError("client-reset", "the client left while it waited"));
    return more;
  };
  stream.read(0);
  return unwatch;
}
