import { formatAddress } from "../core/address.ts";
import type { Session } from "../core/session.ts";
import type { SessionStatus } from "../core/status.ts";

/** A session under way, as plain data. */
export function sessionStatus(session: Session, worker: number): SessionStatus {
  const { id, tunnel, route, serverName, alpn, tls, peer, relay } = session;
  return {
    ...{ id, tunnel, worker, route, serverName, alpn, tls, peer, relay },
    client: formatAddress(session.client),
    local: formatAddress(session.local),
    target: session.target?.key,
    bytes: { in: session.bytesIn, out: session.bytesOut },
    ageMs: Math.round(performance.now() - session.acceptedAt),
  };
}
