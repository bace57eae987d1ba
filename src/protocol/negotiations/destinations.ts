import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { z } from "zod";
import { type Address, isHostName } from "../../core/address.ts";
import type { LinePeer } from "../../core/negotiation.ts";
import { networkList } from "../../core/network.ts";
import { reasonOf } from "../../core/outcome.ts";
import { network } from "../../core/scalars.ts";
import type { Destination } from "../../core/session.ts";

/**
 * What a client from outside must not reach through us unless it is opened: this machine, its neighbours, private
 * networks, and the services that clouds keep at such addresses (IANA's special-purpose address registries).
 */
const special = networkList([
  ...["0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"],
  ...["192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"],
  ...["::/128", "::1/128", "64:ff9b:1::/48", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"],
]);

const ports = z.array(z.int().min(1).max(65535)).min(1);

/** Where clients may go. */
export const destinationOptions = {
  allow: z
    .array(
      z.union([
        network().transform((one): { network: string; ports?: number[] | undefined } => ({ network: one })),
        z.strictObject({ network: network(), ports: ports.optional() }),
      ]),
    )
    .default([])
    .meta({
      description:
        "networks that are open although they are private, loopback, link-local or otherwise special; with ports, only those",
    }),
  public: z.boolean().default(true).meta({
    description: "whether all addresses that are not special are open; false: only those under allow",
  }),
  ports: ports.optional().meta({ description: "the ports that are open outside allow; default: all" }),
};

const shape = z.strictObject(destinationOptions);
export type DestinationOptions = z.output<typeof shape>;

/** Why there is no way to where a client wants to go. */
export class NoWay extends Error {
  readonly kind: "denied" | "unreachable";

  constructor(kind: "denied" | "unreachable", message: string) {
    super(message);
    this.name = "NoWay";
    this.kind = kind;
  }
}

/**
 * Looks a client's wish up, once: the addresses that are found are those that are judged, and those that are dialled. All
 * that are not open are left out.
 */
export class Destinations {
  readonly #options: DestinationOptions;
  readonly #allow: readonly {
    readonly has: (address: Address) => boolean;
    readonly ports?: readonly number[];
  }[];

  constructor(options: DestinationOptions) {
    this.#options = options;
    this.#allow = options.allow.map((entry) => ({
      has: networkList([entry.network]).contains,
      ...(entry.ports ? { ports: entry.ports } : {}),
    }));
  }

  /**
   * @param client who waits for it
   * @throws NoWay
   */
  async find(host: string, port: number, client: Pick<LinePeer, "during">): Promise<Destination> {
    const asked = isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
    if (port === 0 || !isHostName(host)) throw new NoWay("denied", "the client asks for no host and port");
    const found = await client.during(addressesOf(host), `looking up ${host}`);
    const addresses = found
      .map((one): Address => ({ kind: "tcp", host: one, port }))
      .filter((address) => this.permits(address));
    if (addresses.length > 0) return { asked, addresses };
    throw new NoWay("denied", `${asked} is not open to clients: ${found.join(", ")}`);
  }

  permits(address: Address): boolean {
    if (address.kind !== "tcp" || address.host.includes("%")) return false;
    const { port } = address;
    if (this.#allow.some((entry) => entry.has(address) && (entry.ports?.includes(port) ?? true))) return true;
    if (!this.#options.public || special.touches(address)) return false;
    return this.#options.ports?.includes(port) ?? true;
  }
}

async function addressesOf(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  // inet_aton takes 127.1 or 0x7f000001 for an address, and so do some resolvers; what comes out is judged all the same
  try {
    return (await lookup(host, { all: true, order: "verbatim" })).map(({ address }) => address);
  } catch (error) {
    throw new NoWay("unreachable", `${host}: ${reasonOf(error)}`);
  }
}
