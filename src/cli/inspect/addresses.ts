import { lookup } from "node:dns/promises";
import { setTimeout as delay } from "node:timers/promises";
import { formatAddress } from "../../core/address.ts";
import { isFailure, type Peer, withPeer } from "./peer.ts";

/** One of the addresses that the peer's name stands for. */
export interface TriedAddress {
  readonly address: string;
  /** Milliseconds that the connection took; undefined when there is none. */
  readonly ms: number | undefined;
  /** Why there is none, in words. */
  readonly reason: string | undefined;
}

/** More addresses of one name are not tried. */
const mostAddresses = 8;

/** Connects to each address of the peer's name: a backend takes the first that answers, and hides the others. */
export async function tryAddresses(peer: Peer): Promise<readonly TriedAddress[]> {
  const { address } = peer;
  if (address.kind === "unix") return [];
  const hosts = (await resolve(address.host, peer.timeout)).slice(0, mostAddresses);
  return await Promise.all(
    hosts.map(async (host) => {
      const one = { ...address, host };
      const tried = await withPeer(
        { ...peer, address: one, negotiation: undefined },
        async ({ connect }) => ({
          connect,
        }),
      );
      const failed = isFailure(tried);
      return {
        address: formatAddress(one),
        ms: failed ? undefined : tried.connect,
        reason: failed ? tried.reason : undefined,
      };
    }),
  );
}

/** Empty when there is no such name, which whoever connects says better. */
async function resolve(host: string, timeout: number): Promise<readonly string[]> {
  const controller = new AbortController();
  const found = lookup(host, { all: true }).then(
    (all) => [...new Set(all.map(({ address }) => address))],
    () => [],
  );
  const late = delay(timeout, [], { signal: controller.signal }).catch(() => []);
  try {
    return await Promise.race([found, late]);
  } finally {
    controller.abort();
  }
}
