import type { Address } from "./address.ts";
import { embeddedIpv4, ipBytes, ipText } from "./ip-bytes.ts";

/** Peers over a unix socket, which have no IP address. */
const unixPeers = "unix";

/** A list of networks, for asking where an address belongs. */
export interface NetworkList {
  /** Whether the address itself is in the list: for what is granted. What is no address is in no list. */
  contains(address: Address): boolean;
  /**
   * Whether the address could stand for one in the list: for what is refused. Also true for an IPv6 address that leads
   * to an IPv4 one in the list (NAT64, 6to4, …), and for a host that is no address at all, if the list is not empty.
   */
  touches(address: Address): boolean;
}

/**
 * Reads `10.0.0.0/8`, `2001:db8::/32`, a single address, or `unix`, and gives its one canonical text.
 *
 * @throws RangeError with a message that names the text and the remedy
 */
export function parseNetwork(text: string): string {
  if (text === unixPeers) return text;
  const { bytes, prefix } = networkOf(text);
  const network = masked(bytes, prefix);
  if (network.some((byte, index) => byte !== bytes[index]))
    throw new RangeError(
      `"${text}": the address has bits beyond the network, write ${ipText(network)}/${prefix} or ${ipText(bytes)}`,
    );
  return `${ipText(bytes)}/${prefix}`;
}

/** Makes a list of what `parseNetwork` reads. Asking takes as long as there are different prefix lengths. */
export function networkList(specs: readonly string[]): NetworkList {
  const unix = specs.includes(unixPeers);
  /** By address length, then prefix length: the networks' bytes as text. */
  const families = new Map<number, Map<number, Set<string>>>();
  for (const spec of specs) {
    if (spec === unixPeers) continue;
    const { bytes, prefix } = networkOf(spec);
    const prefixes = families.get(bytes.length) ?? new Map<number, Set<string>>();
    const networks = prefixes.get(prefix) ?? new Set();
    networks.add(keyOf(masked(bytes, prefix)));
    families.set(bytes.length, prefixes.set(prefix, networks));
  }
  const has = (bytes: Uint8Array): boolean => {
    for (const [prefix, networks] of families.get(bytes.length) ?? [])
      if (networks.has(keyOf(masked(bytes, prefix)))) return true;
    return false;
  };
  return {
    contains: (address) => {
      if (address.kind === "unix") return unix;
      const bytes = ipBytes(address.host);
      return bytes !== undefined && has(bytes);
    },
    touches: (address) => {
      if (address.kind === "unix") return unix;
      const bytes = ipBytes(address.host);
      if (bytes === undefined) return specs.length > 0;
      const embedded = embeddedIpv4(bytes);
      return has(bytes) || (embedded !== undefined && has(embedded));
    },
  };
}

function networkOf(text: string): { readonly bytes: Uint8Array; readonly prefix: number } {
  const slash = text.indexOf("/");
  const host = slash < 0 ? text : text.slice(0, slash);
  const bytes = host.includes("%") ? undefined : ipBytes(host);
  if (bytes === undefined)
    throw new RangeError(
      `"${text}" is not a network, write for example 10.0.0.0/8, 2001:db8::/32, 10.0.0.7 or unix`,
    );
  const bits = 8 * bytes.length;
  if (slash < 0) return { bytes, prefix: bits };
  const digits = text.slice(slash + 1);
  // ::ffff:10.0.0.0/104 is 10.0.0.0/8
  const mapped = bits === 32 && host.includes(":") ? 96 : 0;
  const prefix = /^\d{1,3}$/.test(digits) ? Number(digits) - mapped : -1;
  if (prefix < 0 || prefix > bits)
    throw new RangeError(
      `"${text}": the prefix length is a number from ${mapped} to ${bits + mapped}, not "${digits}"`,
    );
  return { bytes, prefix };
}

function masked(bytes: Uint8Array, prefix: number): Uint8Array {
  return bytes.map((byte, index) => {
    const bits = Math.min(8, Math.max(0, prefix - 8 * index));
    return byte & (0xff00 >> bits) & 0xff;
  });
}

function keyOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** What only this machine can reach. */
export const loopback: NetworkList = networkList(["127.0.0.0/8", "::1", "unix"]);
