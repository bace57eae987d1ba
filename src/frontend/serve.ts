import type { Duplex } from "node:stream";
import { SessionError } from "../core/outcome.ts";
import type { Session } from "../core/session.ts";
import type { Route, Stage } from "../core/stage.ts";
import { destroyBoth, reset } from "../net/transport.ts";

/** What a frontend does with each connection. A running session keeps the pipeline that it began with. */
export interface Pipeline {
  /** Whether the handler gets the accepted socket itself and may read it in bulk. */
  readonly bulk: boolean;
  /** Run before the route is known. */
  readonly preamble: readonly Stage[];
  /** The route that the session belongs to; undefined when none matches. */
  match(session: Session): Route | undefined;
}

/** The life of one session, from its first byte to its outcome. */
export async function serve(session: Session, client: Duplex, pipeline: Pipeline): Promise<void> {
  let stream = client;
  try {
    for (const stage of pipeline.preamble) stream = await stage(session, stream);
    const route = pipeline.match(session);
    if (!route) throw new SessionError("no-route", "no route matches the connection");
    for (const stage of route.stages) stream = await stage(session, stream);
    await route.handler.serve(session, stream);
    session.end("completed");
  } catch (error) {
    const cause = session.aborted ?? error;
    session.end(cause instanceof SessionError ? cause.outcome : "internal-error", cause);
    // a client that was promised bytes must not take the end of them for a clean one
    if ((session.tls || session.target) && !session.dismissed) reset(stream);
  } finally {
    destroyBoth(stream);
  }
}
