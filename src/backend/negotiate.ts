import type { Negotiation } from "../core/negotiation.ts";
import type { Stage } from "../core/stage.ts";
import { StreamPeer } from "../net/line-peer.ts";

/**
 * The stages of a target that is talked to before TLS, or inside it. The dial watches the time, and has the session's
 * `interrupt`.
 *
 * @param tls starts TLS with the target, if that is wanted
 */
export function negotiateWith(negotiation: Negotiation, tls: Stage | undefined): readonly Stage[] {
  const { name, place } = negotiation;
  const talk = async (...[session, stream]: Parameters<Stage>) => {
    const peer = new StreamPeer(stream, { who: `${name} server` });
    const { head } = await negotiation.negotiate(peer, session, { tls: tls !== undefined });
    return { peer, head };
  };
  if (!tls || place === "inside-tls") {
    const inside: Stage = async (session, stream) => {
      (await talk(session, stream)).peer.handOver();
      return stream;
    };
    return tls ? [tls, inside] : [inside];
  }
  return [
    async (session, stream) => {
      const { peer, head } = await talk(session, stream);
      await peer.release();
      const secure = await tls(session, stream);
      if (head !== undefined) secure.unshift(typeof head === "string" ? Buffer.from(head, "latin1") : head);
      return secure;
    },
  ];
}
