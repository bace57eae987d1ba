import type { Duplex } from "node:stream";
import type { Backend, Connection } from "../backend/backend.ts";
import type { RelayMode, Session } from "../core/session.ts";
import type { Handler } from "../core/stage.ts";
import type { Throttle } from "../net/flow.ts";
import { relay } from "../net/relay.ts";
import type { RelayFailover, RelayOptions } from "../net/relay-options.ts";
import { destroyBoth } from "../net/transport.ts";
import { apologize, introduce } from "./introduce.ts";

export interface ForwardOptions {
  readonly backend: Pick<Backend, "connect">;
  /** `stream` where `failover` or `throttle` is given. */
  readonly relay: RelayMode;
  /** The session's clocks in milliseconds; 0 means never. */
  readonly timeouts: {
    /** For what is left of a negotiation when the target is connected. */
    readonly handshake: number;
    readonly idle: number;
    readonly stall: number;
    readonly halfClose: number;
    /** Since the accept. */
    readonly lifetime: number;
  };
  /** What becomes of a session that loses its target after it was connected; absent: it ends. */
  readonly failover?: Omit<RelayFailover, "replace"> | undefined;
  /** What slows the session down, if anything. */
  readonly throttle?: ((session: Session) => Throttle | undefined) | undefined;
}

/** The usual handler: connects the session to a target and relays until both sides have ended. */
export function forward(options: ForwardOptions): Handler {
  return {
    serve: async (session, client) => {
      const started = performance.now();
      // a client that leaves while its target is dialled is noticed only if its socket is being read
      if (options.relay === "stream") client.read(0);
      // who is still to be introduced is read from, which a socket for bulk reads cannot be
      const relay = session.introduction ? "stream" : options.relay;
      const talk = { client, timeout: options.timeouts.handshake };
      const connection = await options.backend.connect(session, { relay }).catch(async (error: unknown) => {
        await apologize(session, error, talk);
        throw error;
      });
      session.ms.connect = performance.now() - started;
      try {
        if (session.introduction) await introduce(session, connection.stream, talk);
      } catch (error) {
        connection.release(error);
        destroyBoth(connection.stream);
        throw error;
      }
      await relayTo(connection, { session, client, options });
    },
  };
}

async function relayTo(
  connection: Connection,
  { session, client, options }: { session: Session; client: Duplex; options: ForwardOptions },
): Promise<void> {
  const { backend, timeouts, relay: mode, failover, throttle } = options;
  let current: Connection | undefined = connection;
  const replace: RelayFailover["replace"] = async (loss) => {
    const avoid = current?.target;
    current?.release(loss);
    current = undefined;
    current = await backend.connect(session, { relay: mode, avoid });
    return current.stream;
  };
  const endsAt = timeouts.lifetime > 0 ? session.acceptedAt + timeouts.lifetime : Number.POSITIVE_INFINITY;
  const how: RelayOptions = {
    ...timeouts,
    endsAt,
    mode,
    throttle: throttle?.(session),
    failover: failover && { ...failover, replace },
  };
  let ended: unknown;
  try {
    await relay(session, { client, target: connection.stream }, how);
  } catch (error) {
    ended = error;
    throw error;
  } finally {
    current?.release(ended);
    if (current) destroyBoth(current.stream);
  }
}
