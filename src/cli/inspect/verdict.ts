import type { TLSSocket } from "node:tls";
import { LiveTarget } from "../../backend/target.ts";
import { SessionError } from "../../core/outcome.ts";
import { errorCode } from "../../net/socket-error.ts";
import { type ClientTls, loadClientTls } from "../../tls/contexts.ts";
import type { ClientTlsOptions } from "../../tls/options.ts";
import { originate } from "../../tls/originate.ts";
import { type Failure, isFailure, type Peer, withPeer } from "./peer.ts";
import { refused } from "./refusal.ts";

/**
 * Whether a tunnel with these options would work: the very code of a backend is asked.
 *
 * @returns undefined when it would
 * @throws MaterialError when something that the options name cannot be used
 */
export async function tryAsBackend(peer: Peer, options: ClientTlsOptions): Promise<Failure | undefined> {
  const tls: ClientTls = await loadClientTls(options);
  const target = new LiveTarget({ address: peer.address, weight: 1 });
  const tried = await withPeer(peer, async ({ socket, session }) => {
    const started = performance.now();
    try {
      const secure = (await originate(tls, target)(session, socket)) as TLSSocket;
      const refusal = await refused(secure, performance.now() - started);
      secure.destroy();
      return { refusal };
    } catch (error) {
      if (!(error instanceof SessionError) || error.outcome !== "handshake-failed") throw error;
      return { refusal: { reason: error.message, code: errorCode(error.cause) ?? error.label } };
    }
  });
  if (isFailure(tried)) return tried;
  return tried.refusal && { step: "handshake", ...tried.refusal };
}
