import type { Duplex } from "node:stream";
import type { Session } from "../core/session.ts";
import { StreamPeer } from "../net/line-peer.ts";

/** Milliseconds for what is left of a dialogue once the target is there. */
export interface IntroduceOptions {
  readonly client: Duplex;
  readonly timeout: number;
}

/** Ends what a negotiation with the client has begun, with the target at hand: before payload is relayed. */
export async function introduce(
  session: Session,
  target: Duplex,
  { client, timeout }: IntroduceOptions,
): Promise<void> {
  const { introduction } = session;
  if (!introduction?.connected) return;
  const endsAt = performance.now() + timeout;
  const peers = {
    target: new StreamPeer(target, { who: "target", endsAt, session }),
    client: new StreamPeer(client, { who: "client", endsAt, session }),
  };
  await introduction.connected(peers.target, peers.client);
  peers.target.handOver();
  peers.client.handOver();
}

/** Tells the client, in its protocol, that there is no target. What goes wrong with that is of no interest. */
export async function apologize(
  session: Session,
  error: unknown,
  { client, timeout }: IntroduceOptions,
): Promise<void> {
  const { introduction } = session;
  if (!introduction?.failed || client.destroyed || session.aborted) return;
  const endsAt = performance.now() + timeout;
  const peer = new StreamPeer(client, { who: "client", endsAt, session });
  await introduction.failed(peer, error).catch(() => {});
}
