import { isIPv6, SocketAddress } from "node:net";
import { type Address, formatAddress } from "../core/address.ts";
import type { TunnelEntry } from "./entries.ts";
import type { Fault, Path, Source } from "./source.ts";

export interface Listener {
  readonly tunnel: TunnelEntry;
  readonly address: Address;
  readonly path: Path;
}

/** Every address that an enabled tunnel listens on, with its place. */
export function listeners(tunnels: readonly TunnelEntry[]): Listener[] {
  return tunnels
    .filter((tunnel) => tunnel.enabled)
    .flatMap((tunnel) =>
      tunnel.listen.map((address, index) => ({
        tunnel,
        address,
        // the longest form; Source.locate climbs to what is written when it is a shorter one
        path: [...tunnel.path, "frontend", "listen", index],
      })),
    );
}

/** Two listeners that cannot be bound together; the second one is at fault. */
export function findClashes(all: readonly Listener[]): { readonly source: Source; readonly fault: Fault }[] {
  const byPort = new Map<string, Listener[]>();
  const clashes: { source: Source; fault: Fault }[] = [];
  for (const listener of all) {
    const { address, tunnel } = listener;
    if (address.kind === "tcp" && address.port === 0) continue;
    const group = address.kind === "tcp" ? `tcp ${address.port}` : `unix ${address.path}`;
    const earlier = byPort.get(group) ?? [];
    const other = earlier.find((candidate) => clash(candidate.address, address));
    if (other)
      clashes.push({
        source: tunnel.source,
        fault: { path: listener.path, message: explain(listener, other) },
      });
    byPort.set(group, [...earlier, listener]);
  }
  return clashes;
}

function explain({ address, tunnel }: Listener, other: Listener): string {
  const whose =
    other.tunnel === tunnel ? "this tunnel already listens" : `tunnel ${other.tunnel.name} already listens`;
  const theirs = formatAddress(other.address);
  return isSame(other.address, address)
    ? `${whose} on ${theirs}`
    : `${whose} on ${theirs}; one of them stands for every address and takes the port from the other`;
}

/** Same port given. Node binds `::` for IPv4 too (dual stack). A name other than localhost could be any address. */
function clash(a: Address, b: Address): boolean {
  if (a.kind !== "tcp" || b.kind !== "tcp") return a.kind === b.kind;
  const [first, second] = [canonicalHost(a.host), canonicalHost(b.host)];
  if (first === second || first === "::" || second === "::") return true;
  const isIPv4 = (host: string) => host === "localhost" || /^[\d.]+$/.test(host);
  return (first === "0.0.0.0" && isIPv4(second)) || (second === "0.0.0.0" && isIPv4(first));
}

function isSame(a: Address, b: Address): boolean {
  return a.kind !== "tcp" || b.kind !== "tcp" || canonicalHost(a.host) === canonicalHost(b.host);
}

function canonicalHost(host: string): string {
  if (!isIPv6(host) || host.includes("%")) return host.toLowerCase();
  return new SocketAddress({ address: host, family: "ipv6" }).address;
}
