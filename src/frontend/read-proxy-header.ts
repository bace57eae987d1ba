import { type Address, formatAddress } from "../core/address.ts";
import type { NetworkList } from "../core/network.ts";
import { SessionError } from "../core/outcome.ts";
import type { Session } from "../core/session.ts";
import type { Stage } from "../core/stage.ts";
import { readParsed } from "../net/byte-reader.ts";
import type { ProxyHeader } from "../protocol/proxy-protocol/header.ts";
import { parseProxyHeader } from "../protocol/proxy-protocol/parse.ts";

export interface ReadProxyHeaderOptions {
  /** Peers whose word is taken, and who must give it. */
  readonly from: NetworkList;
  /** Milliseconds for the whole header; a peer that dribbles gets no more. */
  readonly timeout: number;
}

/** A header of the parser's own limit, and not a byte more. */
const limit = 16 * 1024;

/**
 * A preamble stage that reads the PROXY header with which a proxy names its client. It is never optional: where a header
 * may come or not, any client can name itself.
 */
export function readProxyHeader({ from, timeout }: ReadProxyHeaderOptions): Stage {
  return async (session, stream) => {
    if (!isTrusted(session, from))
      throw new SessionError(
        "refused",
        `${formatAddress(session.client)} is in none of the networks that PROXY headers are taken from`,
      );
    const endsAt = performance.now() + timeout;
    const options = { what: "PROXY header", parse: parseProxyHeader, limit, endsAt };
    adopt(session, await readParsed(session, stream, options));
    return stream;
  };
}

/** A TCP peer that has left already has no address any more, and must not pass for one of a unix socket. */
function isTrusted({ client, local }: Session, from: NetworkList): boolean {
  return client.kind === local.kind && from.contains(client);
}

function adopt(session: Session, { command, endpoints, facts }: ProxyHeader): void {
  // LOCAL: the peer speaks for itself
  if (command === "local") return;
  const by: Address = session.client;
  session.proxy = { by, uniqueId: facts.uniqueId, tls: facts.tls };
  if (facts.alpn !== undefined) session.alpn = facts.alpn;
  if (facts.authority !== undefined) session.serverName ??= facts.authority;
  if (!endpoints) return;
  session.client = endpoints.source;
  session.local = endpoints.destination;
}
