import type { Handler } from "../core/stage.ts";

/** Sends the sessions of clients that were not let in to `elsewhere`, and all others on their usual way. */
export function redirecting(usual: Handler, elsewhere: Handler): Handler {
  return {
    serve: (session, client) => (session.redirected ? elsewhere : usual).serve(session, client),
  };
}
