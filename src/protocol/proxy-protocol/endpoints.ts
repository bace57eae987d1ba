import type { Address } from "../../core/address.ts";
import { ipBytes } from "../../core/ip-bytes.ts";
import type { Endpoints } from "./header.ts";

/** Two IP addresses of one family, ready to be written. */
export interface IpEndpoints {
  readonly family: 4 | 6;
  readonly source: IpEndpoint;
  readonly destination: IpEndpoint;
}

export interface IpEndpoint {
  readonly bytes: Uint8Array;
  readonly port: number;
}

/** The endpoints as IP addresses; an IPv4 one beside an IPv6 one is mapped. Undefined when one is no IP address. */
export function sameFamily({ source, destination }: Endpoints): IpEndpoints | undefined {
  const [from, to] = [ipEndpoint(source), ipEndpoint(destination)];
  if (!from || !to) return undefined;
  if (from.bytes.length === 4 && to.bytes.length === 4) return { family: 4, source: from, destination: to };
  return { family: 6, source: asIpv6(from), destination: asIpv6(to) };
}

function ipEndpoint(address: Address): IpEndpoint | undefined {
  if (address.kind === "unix") return undefined;
  const bytes = ipBytes(address.host);
  return bytes && { bytes, port: address.port };
}

function asIpv6({ bytes, port }: IpEndpoint): IpEndpoint {
  if (bytes.length === 16) return { bytes, port };
  return { bytes: Uint8Array.from([...Array(10).fill(0), 0xff, 0xff, ...bytes]), port };
}
