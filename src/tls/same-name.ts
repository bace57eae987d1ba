import { TLSSocket } from "node:tls";
import { SessionError } from "../core/outcome.ts";
import { canonicalServerName } from "../core/server-name.ts";
import type { Stage } from "../core/stage.ts";
import { reset } from "../net/transport.ts";

/**
 * Stands behind a handshake for which a route was chosen by the name in the ClientHello: OpenSSL must have seen the same one.
 * After a HelloRetryRequest the client says its name a second time, and nobody but OpenSSL reads that.
 */
export const requireSameName: Stage = async (session, stream) => {
  const named = stream instanceof TLSSocket && stream.servername;
  // Node does not tell the name of a resumed session of TLS 1.2 (it is false); there is no second hello either
  if (named === false && session.tls?.resumed && session.tls.version === "TLSv1.2") return stream;
  const seen = typeof named === "string" && named !== "" ? canonicalServerName(named) : undefined;
  if (seen === session.opening?.serverName) return stream;
  reset(stream);
  throw new SessionError(
    "handshake-failed",
    "the client named one server first, and another one afterwards",
    {
      label: "server-name",
    },
  );
};
