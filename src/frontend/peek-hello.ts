import type { Stage } from "../core/stage.ts";
import { readParsed } from "../net/byte-reader.ts";
import { longestClientHello } from "../protocol/client-hello.ts";
import { readOpening } from "../protocol/first-bytes.ts";

export interface PeekOptions {
  /** Milliseconds for all of it; a client that dribbles gets no more. */
  readonly timeout: number;
}

/** Whatever the timeout of handshakes is, it is only a hello that is waited for. */
const longestWait = 5000;

/**
 * The last preamble stage of a frontend whose routes depend on what the client begins with. It only looks: every byte is
 * put back for whoever serves the route.
 */
export function peekHello({ timeout }: PeekOptions): Stage {
  return async (session, stream) => {
    const opening = await readParsed(session, stream, {
      what: "first message",
      parse: (bytes) => {
        const parsed = readOpening(bytes);
        return parsed.kind === "value" ? { ...parsed, length: 0 } : parsed;
      },
      limit: longestClientHello,
      endsAt: performance.now() + Math.min(timeout, longestWait),
    });
    session.opening = opening;
    if (opening.serverName !== undefined) session.serverName = opening.serverName;
    return stream;
  };
}
