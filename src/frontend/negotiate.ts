import type { Negotiation } from "../core/negotiation.ts";
import type { Stage } from "../core/stage.ts";
import { StreamPeer } from "../net/line-peer.ts";

/**
 * A stage that talks to the client as a server of its protocol would, until TLS begins or it is known where the client
 * wants to go.
 *
 * @param timeout milliseconds for the whole dialogue
 */
export function negotiate(negotiation: Negotiation, timeout: number): Stage {
  const { name, place } = negotiation;
  return async (session, stream) => {
    const endsAt = performance.now() + timeout;
    const peer = new StreamPeer(stream, { who: `${name} client`, endsAt, session });
    const { last, isTls, introduction } = await negotiation.negotiate(peer, session);
    if (introduction) session.introduction = introduction;
    if (place === "before-tls" && !isTls) await peer.release(last);
    else peer.handOver();
    return stream;
  };
}
