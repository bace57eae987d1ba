import type { Address } from "../../core/address.ts";
import type { ProxiedTls } from "../../core/session.ts";

/*
 * The PROXY protocol, versions 1 and 2, as in "The PROXY protocol" by Willy Tarreau (haproxy/doc/proxy-protocol.txt).
 * Section numbers in this folder are of that document.
 */

/** A header, of whichever version. */
export interface ProxyHeader {
  readonly version: 1 | 2;
  /** `local`: the sender speaks for itself, for example to check our health. */
  readonly command: "proxy" | "local";
  /** Absent when the header leaves the connection's own addresses in place: LOCAL, UNKNOWN and UNSPEC. */
  readonly endpoints?: Endpoints | undefined;
  readonly facts: ProxyFacts;
}

/** Both of one family. A datagram's addresses are carried like a stream's. */
export interface Endpoints {
  readonly source: Address;
  readonly destination: Address;
}

/** What the TLVs of version 2 say (section 2.2). */
export interface ProxyFacts {
  /** The application protocol; bytes as latin1, as Node gives it. */
  readonly alpn?: string;
  /** The host name that the client asked for, usually its SNI; lower case, without a final dot. */
  readonly authority?: string;
  /** Names the connection on all its way; at most 128 bytes. */
  readonly uniqueId?: Uint8Array;
  readonly tls?: ProxiedTls;
}
