import type { ConnectionOptions } from "node:tls";
import { DerError } from "../../core/der.ts";
import { requestedAuthorities } from "../../protocol/certificate-request.ts";
import { nameText } from "../../protocol/x509/name.ts";
import { shakeHands } from "./handshake.ts";
import type { Peer } from "./peer.ts";

/** Bytes that are kept of what the peer sends: its certificates and a list of 64 KiB. */
const longestFlight = 256 * 1024;

/**
 * The authorities whose client certificates the peer asks for, read from a handshake of TLS 1.2: Node tells nothing of them, and
 * in TLS 1.3 they are secret. Undefined when they cannot be read.
 */
export async function askedAuthorities(
  peer: Peer,
  identity: ConnectionOptions,
): Promise<readonly string[] | undefined> {
  const flight: Buffer[] = [];
  let length = 0;
  const onBytes = (bytes: Buffer) => {
    if (length < longestFlight) flight.push(bytes);
    length += bytes.length;
  };
  const only = { minVersion: "TLSv1.2", maxVersion: "TLSv1.2", ciphers: "ALL:@SECLEVEL=0" } as const;
  // whether it lets us in afterwards does not matter
  await shakeHands(peer, { ...identity, ...only }, { onBytes });
  return requestedAuthorities(Buffer.concat(flight))?.map(shown);
}

function shown(name: Buffer): string {
  try {
    return nameText(name);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    return `(unreadable) ${name.toString("hex").slice(0, 64)}`;
  }
}
