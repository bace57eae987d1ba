import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { errorCode } from "../../net/socket-error.ts";
import { describeTlsError } from "../../tls/reasons.ts";

/** Why a peer went no further, although it had shown what it has. */
export interface Refusal {
  readonly reason: string;
  readonly code: string | undefined;
}

/** Milliseconds that a peer gets at least to send its tickets, or its alert, when the handshake is done. */
const afterwards = 250;

/**
 * Why the peer ends the connection as soon as the handshake is done, if it does: TLS 1.3 servers refuse clients only then.
 *
 * @param took milliseconds of the handshake, which is how far away the peer is
 */
export async function refused(secure: TLSSocket, took: number): Promise<Refusal | undefined> {
  const controller = new AbortController();
  const { signal } = controller;
  const ended = once(secure, "close", { signal }).then(
    () => ({ reason: "the peer closed right after the handshake", code: undefined }),
    (error: unknown) => ({ reason: describeTlsError(error), code: errorCode(error) }),
  );
  // what it says first, such as a greeting, shows that it takes us
  const greeted = once(secure, "data", { signal }).then(
    () => undefined,
    () => undefined,
  );
  const patience = delay(Math.max(afterwards, 2 * took), undefined, { signal }).catch(() => undefined);
  try {
    const quiet = Promise.race([patience, greeted]);
    return await Promise.race([ended, quiet]);
  } finally {
    secure.on("error", () => {});
    controller.abort();
  }
}
