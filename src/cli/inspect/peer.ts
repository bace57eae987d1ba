import type { Socket } from "node:net";
import type { Address } from "../../core/address.ts";
import type { Negotiation } from "../../core/negotiation.ts";
import { SessionError } from "../../core/outcome.ts";
import { Session } from "../../core/session.ts";
import { formatDuration } from "../../core/units.ts";
import { StreamPeer } from "../../net/line-peer.ts";
import { open } from "../../net/open.ts";
import { describeSocketError, errorCode } from "../../net/socket-error.ts";

/** Who is inspected, and how. */
export interface Peer {
  readonly address: Address;
  /** Sent as SNI and looked for in the certificate. */
  readonly serverName: string;
  /** What is spoken before TLS. */
  readonly negotiation: Negotiation | undefined;
  /** Milliseconds for each attempt: connection, dialogue and handshake together. */
  readonly timeout: number;
}

/** Which part of an attempt failed. */
export type Step = "connect" | "negotiate" | "handshake";

/** Why there is no TLS with the peer. */
export interface Failure {
  readonly step: Step;
  /** In words. */
  readonly reason: string;
  /** OpenSSL's or the system's code, where there is one. */
  readonly code: string | undefined;
  /** The peer has not answered in time. */
  readonly isLate?: true;
}

/** A connection that is ready for TLS. */
export interface Reached {
  readonly socket: Socket;
  readonly session: Session;
  /** Milliseconds that the connection took. */
  readonly connect: number;
}

/** Runs `use` with a connection to the peer that is ready for TLS. It is closed afterwards, and in any case in time. */
export async function withPeer<Result>(
  peer: Peer,
  use: (reached: Reached) => Promise<Result>,
): Promise<Result | Failure> {
  const { address, negotiation, timeout } = peer;
  let socket: Socket | undefined;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    socket?.destroy(new Error("late"));
  }, timeout);
  let step: Step = "connect";
  try {
    const started = performance.now();
    const opened = await open(address, {
      bulk: false,
      onSocket: (made) => {
        socket = made;
      },
    });
    const connect = performance.now() - started;
    const session = new Session({ tunnel: "inspect", client: { kind: "unix", path: "" }, local: address });
    step = "negotiate";
    if (negotiation) {
      const line = new StreamPeer(opened, { who: `${negotiation.name} server` });
      await negotiation.negotiate(line, session, { tls: true });
      await line.release();
    }
    step = "handshake";
    const result = await use({ socket: opened, session, connect });
    return isLate ? late(step) : result;
  } catch (error) {
    return isLate ? late(step) : { step, reason: wordsOf(error), code: errorCode(error) };
  } finally {
    clearTimeout(timer);
    socket?.on("error", () => {});
    socket?.destroy();
  }

  function late(at: Step): Failure {
    return { step: at, reason: `no answer within ${formatDuration(timeout)}`, code: undefined, isLate: true };
  }
}

function wordsOf(error: unknown): string {
  return error instanceof SessionError ? error.message : describeSocketError(error);
}

export function isFailure<Result extends object>(result: Result | Failure): result is Failure {
  return "step" in result;
}
