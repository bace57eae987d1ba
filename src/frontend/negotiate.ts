import type { Negotiation } from "../core/negotiation.ts";
import type { Stage } from "../core/stage.ts";
import { StreamPeer } from "../net/line-peer.ts";

export interface NegotiateHow {
  /** Milliseconds for the whole dialogue. */
  readonly timeout: number;
  /** Whether the frontend has TLS. */
  readonly tls: boolean;
}

/**
 * A stage that talks to the client as a server of its protocol would, until TLS begins or it is known where the client
 * wants to go.
 */
export function negotiate(negotiation: Negotiation, { timeout, tls }: NegotiateHow): Stage {
  const { name, place } = negotiation;
  return async (session, stream) => {
    const endsAt = performance.now() + timeout;
    const peer = new StreamPeer(stream, { who: `${name} client`, endsAt, session });
    const { last, isTls, introduction } = await negotiation.negotiate(peer, session, { tls });
    if (introduction) session.introduction = introduction;
    if (place === "before-tls" && tls && !isTls) await peer.release(last);
    else peer.handOver();
    return stream;
  };
}
