import type { PSKCallbackNegotation, TLSSocket } from "node:tls";

/** OpenSSL's limits, in bytes (PSK_MAX_IDENTITY_LEN and PSK_MAX_PSK_LEN, those of its oldest versions). */
export const longestPskIdentity = 128;
const longestKey = 256;
/** RFC 9257, section 6: 128 bits. */
const shortestKey = 16;

/** Keys by identity, in the order of their file. */
export type PskKeys = ReadonlyMap<string, Buffer>;

/** What a client has said who he is, before or without proving it. */
interface Claim {
  readonly identity: string;
  readonly isKnown: boolean;
}

const claims = new WeakMap<TLSSocket, Claim>();
/** Towards targets: the streams on which our key was used. */
const opened = new WeakSet<TLSSocket>();

/**
 * Reads lines `IDENTITY:KEY`, as stunnel has them. A key of hexadecimal digits alone is decoded.
 *
 * @throws RangeError with the number of the line and never with what is in it
 */
export function parsePskKeys(text: string): PskKeys {
  const keys = new Map<string, Buffer>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "") continue;
    const fault = (message: string) => new RangeError(`line ${index + 1}: ${message}`);
    const colon = line.indexOf(":");
    if (colon < 1) throw fault("no IDENTITY:KEY");
    const identity = line.slice(0, colon);
    const key = decode(line.slice(colon + 1));
    if (Buffer.byteLength(identity) > longestPskIdentity)
      throw fault(`the identity has more than ${longestPskIdentity} bytes`);
    if (key.length < shortestKey || key.length > longestKey)
      throw fault(
        `the key has ${key.length} bytes; it needs ${shortestKey} to ${longestKey}, or as many pairs of hexadecimal digits`,
      );
    if (keys.has(identity)) throw fault("the identity is there already");
    keys.set(identity, key);
  }
  if (keys.size === 0) throw new RangeError("there is no IDENTITY:KEY in it");
  return keys;
}

/** For `tls.createServer`. Who has asked for which identity is kept by socket: the handshake itself does not tell. */
export function pskServerCallback(keys: PskKeys): (socket: TLSSocket, identity: string) => Buffer | null {
  return (socket, identity) => {
    const key = keys.get(identity);
    const known = claims.get(socket);
    // a client may offer several: the one that has a key is the one in use
    if (key || !known?.isKnown) claims.set(socket, { identity, isKnown: key !== undefined });
    return key ?? null;
  };
}

/** For `tls.connect`. */
export function pskClientCallback(identity: string, psk: Buffer): () => PSKCallbackNegotation {
  return () => ({ identity, psk });
}

/** The identity whose key a client has proved to have, once the handshake is done. */
export function provenIdentity(socket: TLSSocket): string | undefined {
  const claim = claims.get(socket);
  return claim?.isKnown ? claim.identity : undefined;
}

/** Why the handshake has failed if a pre-shared key is the reason. */
export function explainPskFailure(socket: TLSSocket, code: string | undefined): string | undefined {
  const claim = claims.get(socket);
  if (!claim) return undefined;
  const name = JSON.stringify(claim.identity.slice(0, longestPskIdentity));
  if (!claim.isKnown) return `no pre-shared key of the identity ${name} is known (${code ?? "no code"})`;
  // TLS 1.3 says the first one, TLS 1.2 only finds that the first encrypted message is none
  if (code === "ERR_SSL_BINDER_DOES_NOT_VERIFY" || code === "ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC")
    return `the client has another pre-shared key of the identity ${name} than we have (${code})`;
  return undefined;
}

/** Whether a pre-shared key stood for certificates in a handshake that is done. */
export function isByPsk(socket: TLSSocket): boolean {
  return opened.has(socket) || claims.get(socket)?.isKnown === true;
}

/**
 * Whether a target has used the key that it was offered: with TLS 1.3 that looks like a resumed session, with TLS 1.2 it shows
 * in the suite. A target with a certificate has not.
 */
export function hasUsedPsk(socket: TLSSocket): boolean {
  if (socket.getPeerX509Certificate()) return false;
  const isUsed =
    socket.getProtocol() === "TLSv1.3" ? socket.isSessionReused() : /PSK/.test(socket.getCipher().name);
  if (isUsed) opened.add(socket);
  return isUsed;
}

function decode(key: string): Buffer {
  const isHex = key.length % 2 === 0 && /^[0-9a-fA-F]+$/.test(key);
  return isHex ? Buffer.from(key, "hex") : Buffer.from(key, "utf8");
}
