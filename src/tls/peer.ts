import { createHash, type X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { DerError } from "../core/der.ts";
import type { PeerIdentity, Session, TlsFacts } from "../core/session.ts";
import { readCertificate } from "../protocol/x509/certificate.ts";
import { namesOf } from "../protocol/x509/names.ts";
import type { Access, Peer, Verification } from "./access.ts";
import { isByPsk, provenIdentity } from "./psk.ts";
import { describeTlsCode, tlsLabel } from "./reasons.ts";

/** No name in a certificate is longer than this in our log. */
const longestName = 256;

export interface VerificationInput {
  readonly certificate: X509Certificate | undefined;
  /** OpenSSL's verdict on the chain. */
  readonly authorized: boolean;
  /** Node gives a code here, though its types say Error. */
  readonly error: unknown;
}

/** Who is on the other end of a stream whose handshake is done: the session's client, or its target. */
export function peerOf(
  stream: TLSSocket,
  {
    session,
    trusts,
    certificate = stream.getPeerX509Certificate(),
  }: {
    readonly session: Session;
    /** What it has shown before, if it does not show it again. */
    readonly certificate?: X509Certificate | undefined;
  } & Pick<Access, "trusts">,
): Peer {
  const { authorized, authorizationError: error } = stream;
  const verification =
    trusts === "pins" ? datesOf(certificate) : verificationOf({ certificate, authorized, error });
  if (!certificate) return { session, verification, psk: provenIdentity(stream) };
  try {
    const identity = identify(certificate);
    return {
      session,
      verification,
      certificate,
      identity: trusts === "pins" ? nameless(identity) : identity,
    };
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    // what cannot be read is no ground to let anybody in, whatever OpenSSL has found in it
    const failed = { result: "failed", reason: cause.message, label: "unreadable-certificate" } as const;
    return { session, verification: failed, certificate };
  }
}

/** Both facts must agree: `authorized` alone was wrong before, on resumed sessions without a certificate. */
export function verificationOf({ certificate, authorized, error }: VerificationInput): Verification {
  if (!certificate) return { result: "none" };
  if (authorized) return { result: "verified" };
  const code = typeof error === "string" ? error : (error as { code?: string } | null | undefined)?.code;
  return {
    result: "failed",
    reason: describeTlsCode(code || "not authorized"),
    label: tlsLabel({ code }),
  };
}

/** All that is looked at when no authority has to vouch: the handshake has proved that the peer has the key. */
export function datesOf(certificate: X509Certificate | undefined, now = new Date()): Verification {
  if (!certificate) return { result: "none" };
  const code =
    now < certificate.validFromDate
      ? "CERT_NOT_YET_VALID"
      : now > certificate.validToDate
        ? "CERT_HAS_EXPIRED"
        : undefined;
  if (code === undefined) return { result: "verified" };
  return { result: "failed", reason: describeTlsCode(code), label: code };
}

/**
 * Whom a certificate names, unverified.
 *
 * @throws DerError when its names cannot be read
 */
export function identify(certificate: X509Certificate): PeerIdentity {
  const fields = readCertificate(certificate.raw);
  const names = namesOf(fields);
  const commonName = names.commonNames.at(-1);
  return {
    verified: false,
    subject: certificate.subject.split("\n").join(", ").slice(0, longestName),
    fingerprint: sha256(certificate.raw),
    spki: sha256(fields.keyInfo),
    ...(commonName === undefined ? {} : { commonName: commonName.slice(0, longestName) }),
    names,
  };
}

/** Without an authority, whoever has a pinned key writes what names he likes into its certificate. */
function nameless({ names: _, commonName: __, ...identity }: PeerIdentity): PeerIdentity {
  return identity;
}

/**
 * The digest of its public key, as pins have it.
 *
 * @throws DerError
 */
export function spkiOf({ raw }: X509Certificate): string {
  return sha256(readCertificate(raw).keyInfo);
}

export function tlsFacts(stream: TLSSocket): TlsFacts {
  const group = (stream.getEphemeralKeyInfo() as { name?: string } | null)?.name;
  return {
    version: stream.getProtocol() ?? "unknown",
    cipher: stream.getCipher().standardName ?? stream.getCipher().name,
    ...(group === undefined ? {} : { group }),
    // with TLS 1.3, a pre-shared key looks like a session that is resumed
    resumed: !isByPsk(stream) && stream.isSessionReused(),
  };
}

function sha256(der: Buffer): string {
  return `sha256:${createHash("sha256").update(der).digest("hex")}`;
}
