import { formatAddress } from "../core/address.ts";
import { reasonOf } from "../core/outcome.ts";
import type { PeerIdentity, ProxyClaims, Session } from "../core/session.ts";

/** What a peer can make long or odd is cut here; JSON escapes control characters. */
const longestText = 512;

/** The one line that a connection leaves behind: every fact, nothing secret. */
export function sessionRecord(session: Session) {
  const { tls, peer, psk } = session;
  return {
    event: "session",
    id: session.id,
    tunnel: session.tunnel,
    client: formatAddress(session.client),
    local: formatAddress(session.local),
    route: session.route,
    target: session.target?.key,
    destination: session.destination?.asked,
    serverName: session.serverName?.slice(0, longestText),
    alpn: session.alpn?.slice(0, longestText),
    proxy: session.proxy && proxyRecord(session.proxy),
    tls: tls && { ...tls, client: peer && peerRecord(peer), psk: psk?.slice(0, longestText) },
    targetTls: session.targetTls,
    ocsp: session.ocsp,
    bytesIn: session.bytesIn,
    bytesOut: session.bytesOut,
    ms: {
      tls: rounded(session.ms.tls),
      connect: rounded(session.ms.connect),
      total: rounded(performance.now() - session.acceptedAt),
    },
    relay: session.relay,
    redirected: session.redirected?.reason.slice(0, longestText),
    attempts: session.attempts,
    outcome: session.outcome ?? "internal-error",
    reason: session.error === undefined ? undefined : reasonOf(session.error).slice(0, longestText),
  };
}

export type SessionRecord = ReturnType<typeof sessionRecord>;

/** Enough to tell who it was; its other names are for rules. */
function peerRecord({ subject, fingerprint, commonName, verified }: PeerIdentity) {
  return { subject, fingerprint, commonName, verified };
}

/** Whose word the client's address is, and what else came with it. */
function proxyRecord({ by, uniqueId, tls }: ProxyClaims) {
  return {
    by: formatAddress(by),
    uniqueId: uniqueId && printable(Buffer.from(uniqueId)),
    tls: tls && {
      version: tls.version?.slice(0, longestText),
      cipher: tls.cipher?.slice(0, longestText),
      // a name out of a certificate that nobody has found good is nobody's name
      client: tls.verified ? tls.commonName?.slice(0, longestText) : undefined,
    },
  };
}

/** Bytes that are no plain text as hexadecimal digits. */
function printable(bytes: Buffer): string {
  const text = bytes.toString("latin1");
  return /^[\x20-\x7e]*$/.test(text) ? text : bytes.toString("hex");
}

/** Tenths of a millisecond. */
function rounded(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : Math.round(milliseconds * 10) / 10;
}
