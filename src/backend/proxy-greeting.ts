import type { Session } from "../core/session.ts";
import type { ProxyFacts } from "../protocol/proxy-protocol/header.ts";
import { formatV1 } from "../protocol/proxy-protocol/v1.ts";
import { encodeV2 } from "../protocol/proxy-protocol/v2.ts";

/** What version 2 can tell beside the addresses. */
export const proxyTlvs = ["alpn", "authority", "ssl", "uniqueId", "crc32c"] as const;

/** The PROXY header that targets get. */
export interface SendProxyOptions {
  readonly version: "v1" | "v2";
  /** With version 2. */
  readonly tlvs: readonly (typeof proxyTlvs)[number][];
}

/** Writes the PROXY header that names a session's client, as it is known when its target is dialled. */
export function proxyGreeting({ version, tlvs }: SendProxyOptions): (session: Session) => Buffer {
  if (version === "v1") return (session) => formatV1(endpointsOf(session));
  const checksum = tlvs.includes("crc32c");
  return (session) => encodeV2({ endpoints: endpointsOf(session), facts: factsOf(session, tlvs), checksum });
}

/** The PROXY header of a connection that is our own, such as a health check. */
export function ownGreeting({ version }: SendProxyOptions): Buffer {
  return version === "v1" ? formatV1(undefined) : encodeV2({});
}

function endpointsOf({ client, local }: Session) {
  return { source: client, destination: local };
}

function factsOf(session: Session, tlvs: SendProxyOptions["tlvs"]): ProxyFacts {
  const { alpn, serverName, id, proxy } = session;
  const tls = tlsOf(session);
  return {
    ...(tlvs.includes("alpn") && alpn !== undefined ? { alpn } : {}),
    ...(tlvs.includes("authority") && serverName !== undefined ? { authority: serverName } : {}),
    // an id that came with the client goes on with it
    ...(tlvs.includes("uniqueId") ? { uniqueId: proxy?.uniqueId ?? Buffer.from(id) } : {}),
    ...(tlvs.includes("ssl") && tls ? { tls } : {}),
  };
}

/** Of the TLS that the client spoke with us, else of that with the proxy before us. */
function tlsOf({ tls, peer, proxy }: Session): ProxyFacts["tls"] {
  if (!tls) return proxy?.tls;
  const { version, cipher, resumed } = tls;
  // one whose certificate did not pass may still have been redirected
  const verified = peer?.verified === true;
  return { version, cipher, resumed, verified, commonName: verified ? peer?.commonName : undefined };
}
