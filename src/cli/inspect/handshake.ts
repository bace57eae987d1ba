import type { X509Certificate } from "node:crypto";
import { isIP, type Socket } from "node:net";
import { type Duplex, duplexPair } from "node:stream";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { errorCode } from "../../net/socket-error.ts";
import { tlsFacts } from "../../tls/peer.ts";
import { describeTlsError } from "../../tls/reasons.ts";
import { type Failure, type Peer, withPeer } from "./peer.ts";
import { type Refusal, refused } from "./refusal.ts";

/** What a peer has shown in a handshake, whatever the certificate is worth. */
export interface Shown {
  readonly version: string;
  /** Its standard name (IANA). */
  readonly cipher: string;
  /** OpenSSL's name of it, as cipher lists have it. */
  readonly suite: string;
  /** As the configuration calls it; undefined without one, and for those that Node has no name for. */
  readonly group: string | undefined;
  readonly resumed: boolean;
  /** As the peer has sent it, its own first; empty when the session was resumed. */
  readonly chain: readonly X509Certificate[];
  /** Whether the peer asks for a certificate of ours; undefined below TLS 1.2, where Node cannot tell. */
  readonly asksCertificate: boolean | undefined;
}

/** A handshake in which the peer has shown all it has. */
export interface Spoken extends Shown {
  /** Milliseconds. */
  readonly ms: { readonly connect: number; readonly tls: number };
  readonly alpn: string | undefined;
  readonly stapled: boolean;
  /** What the session is resumed with; undefined when the peer gave nothing. */
  readonly session: Buffer | undefined;
  /** Why the handshake was not finished; undefined when it was. */
  readonly refusal: Refusal | undefined;
}

export interface ShakeOptions {
  /** Whether to wait for what the session is resumed with, which TLS 1.3 sends when the handshake is done. */
  readonly ticket?: boolean;
  /** Gets what the peer sends, as it comes. */
  onBytes?(bytes: Buffer): void;
}

/** A chain that is longer is not followed. */
const longestChain = 10;

/** Node's names of groups that the configuration calls otherwise. */
const groupNames: Readonly<Record<string, string>> = {
  prime256v1: "P-256",
  secp384r1: "P-384",
  secp521r1: "P-521",
};

/**
 * Shakes hands and takes whatever certificate there is.
 */
export function shakeHands(
  peer: Peer,
  options: ConnectionOptions = {},
  { ticket = false, onBytes }: ShakeOptions = {},
): Promise<Spoken | Failure> {
  return withPeer(peer, async (reached): Promise<Spoken | Failure> => {
    const started = performance.now();
    const { servername = peer.serverName } = options;
    const secure = connect({
      ...options,
      ...(servername === "" || isIP(servername) !== 0 ? { servername: "" } : { servername }),
      socket: onBytes ? tapped(reached.socket, onBytes) : reached.socket,
      requestOCSP: true,
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    });
    let session: Buffer | undefined;
    let stapled = false;
    let shown: Shown | undefined;
    secure.on("session", (fresh) => {
      session = fresh;
    });
    secure.once("OCSPResponse", (answer: Buffer | null) => {
      stapled = answer !== null && answer.length > 0;
    });
    // Below TLS 1.3 there are keys when the peer has shown everything, and before it can refuse us: it is looked at now,
    // since nothing is left of it afterwards.
    secure.on("keylog", () => {
      if (isBeforeRefusal(secure)) shown = shownBy(secure);
    });
    const failure = await finished(secure);
    const tls = performance.now() - started;
    const seen = failure ? shown : shownBy(secure);
    if (!seen) return failure ?? { step: "handshake", reason: "nothing was shown", code: undefined };
    const alpn = typeof secure.alpnProtocol === "string" ? secure.alpnProtocol : undefined;
    if (ticket && !failure && !session) await refused(secure, tls);
    secure.destroy();
    const refusal = failure && { reason: failure.reason, code: failure.code };
    return { ...seen, ms: { connect: reached.connect, tls }, alpn, stapled, session, refusal };
  });
}

/** What comes from the handle of a socket goes to OpenSSL unseen; what comes through a stream of ours can be looked at. */
function tapped(socket: Socket, onBytes: (bytes: Buffer) => void): Duplex {
  const [near, far] = duplexPair();
  socket.on("data", onBytes).on("error", (error) => near.destroy(error));
  socket.pipe(far).pipe(socket);
  return near;
}

function isBeforeRefusal(secure: TLSSocket): boolean {
  const version = secure.getProtocol();
  // with RSA key exchange the first of two lines comes too early for the suite
  const suite: unknown = secure.getCipher();
  return version !== null && version !== "TLSv1.3" && suite !== undefined;
}

function shownBy(secure: TLSSocket): Shown {
  const { version, cipher, group, resumed } = tlsFacts(secure);
  const chain = chainOf(secure);
  return {
    ...{ version, cipher, suite: secure.getCipher().name, resumed, chain },
    group: group === undefined ? undefined : (groupNames[group] ?? group),
    // OpenSSL's client compares signature algorithms only with those of a CertificateRequest, which has them since TLS 1.2
    asksCertificate: version < "TLSv1.2" ? undefined : secure.getSharedSigalgs().length > 0,
  };
}

function finished(secure: TLSSocket): Promise<Failure | undefined> {
  return new Promise((resolve) => {
    const fail = (error?: unknown) => {
      const reason = error ? describeTlsError(error) : "the peer left during the TLS handshake";
      resolve({ step: "handshake", reason, code: errorCode(error) });
    };
    secure.once("secureConnect", () => resolve(undefined));
    secure.once("error", fail).once("close", () => fail());
    secure.once("end", () => fail());
  });
}

function chainOf(secure: TLSSocket): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = secure.getPeerX509Certificate();
  while (next && chain.length < longestChain && chain.at(-1)?.fingerprint256 !== next.fingerprint256) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}
