import type { SrvRecord } from "node:dns";
import { isIP } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { formatAddress, isHostName, parseAddress } from "../../core/address.ts";
import type { Provider, TargetSpec } from "../../core/backend.ts";
import { definePlugin } from "../../core/plugin.ts";
import { duration } from "../../core/scalars.ts";
import { type AddressType, DnsLookup, shortest } from "./dns-lookup.ts";

/** What one look at the name server has found. */
interface Found {
  readonly specs: readonly TargetSpec[];
  readonly ttl: number | undefined;
}

type Find = () => Promise<Found>;

/** The targets are the addresses of a name, asked for again when its records expire. */
export const dns = definePlugin({
  name: "dns",
  options: z
    .strictObject({
      name: z
        .string()
        .refine((name) => isHostName(name) && isIP(name) === 0, "not a host name")
        .transform((name) => name.replace(/\.$/, ""))
        .meta({ description: "the name; no search domain is added" }),
      type: z.enum(["any", "a", "aaaa", "srv"]).default("any").meta({
        description: "the records; any: a and aaaa; srv brings ports, tiers and weights",
      }),
      port: z.int().min(1).max(65535).optional().meta({
        description: "the targets' port; needed, except with srv",
      }),
      interval: duration({ min: 10 }).prefault("10s").meta({
        description: "the shortest time between two lookups, and the time where records have no TTL",
      }),
      server: z.string().refine(isServer, "write an IP address, with or without a port").optional().meta({
        description: "the name server, such as 127.0.0.1:53; default: those of the system",
      }),
    })
    .superRefine(({ type, port }, check) => {
      if (type === "srv" && port !== undefined)
        check.addIssue({ code: "custom", path: ["port"], message: "SRV records bring their ports" });
      if (type !== "srv" && port === undefined)
        check.addIssue({
          code: "custom",
          message: `the "port" is missing: records of type ${type} have none`,
        });
    }),
  create({ name, type, port, interval, server }): Provider {
    const lookup = new DnsLookup(server);
    if (type === "srv") return provider(lookup, { interval, find: () => findServices(lookup, name) });
    const types: readonly AddressType[] = type === "any" ? both : [type];
    return provider(lookup, { interval, find: () => findHosts(lookup, { name, types, port: port ?? 0 }) });
  },
});

const both: readonly AddressType[] = ["a", "aaaa"];
/** A target's weight goes no further; larger ones keep their proportions. */
const largestWeight = 1000;

function provider(lookup: DnsLookup, { interval, find }: { interval: number; find: Find }): Provider {
  return {
    async *watch(signal) {
      const cancel = () => lookup.cancel();
      signal.addEventListener("abort", cancel);
      try {
        lookup.renew();
        for (;;) {
          const { specs, ttl = 0 } = await find();
          yield specs;
          await pause(Math.max(ttl * 1000, interval), undefined, { signal, ref: false });
        }
      } finally {
        signal.removeEventListener("abort", cancel);
      }
    },
  };
}

async function findHosts(
  lookup: DnsLookup,
  {
    name,
    types,
    port,
  }: { readonly name: string; readonly types: readonly AddressType[]; readonly port: number },
): Promise<Found> {
  const { hosts, ttl } = await lookup.addresses(name, types);
  const specs = hosts.map((host): TargetSpec => {
    return { address: { kind: "tcp", host, port }, weight: 1, serverName: name };
  });
  return { specs, ttl };
}

/** RFC 2782: every address of every record's target. */
async function findServices(lookup: DnsLookup, name: string): Promise<Found> {
  const records = (await lookup.services(name)).filter((record) => record.name !== "" && record.name !== ".");
  const settled = await Promise.allSettled(records.map((record) => lookup.addresses(record.name, both)));
  const failed = settled.filter((one) => one.status === "rejected");
  if (failed.length > 0 && failed.length === settled.length) throw failed[0]?.reason;
  const answers = settled.map((one, index) =>
    one.status === "fulfilled" ? one.value : lookup.remembered(records[index]?.name ?? "", both),
  );
  const scale = Math.min(1, largestWeight / Math.max(1, ...records.map(({ weight }) => weight)));
  const specs = records.flatMap((record, index) =>
    (answers[index]?.hosts ?? []).map((host) => specOf(record, { host, scale })),
  );
  return { specs: specs.toSorted(inOrder), ttl: shortest(answers) };
}

function specOf(
  record: SrvRecord,
  { host, scale }: { readonly host: string; readonly scale: number },
): TargetSpec {
  return {
    address: { kind: "tcp", host, port: record.port },
    // a weight of 0 asks for hardly any share, not for none
    weight: Math.max(1, Math.round(record.weight * scale)),
    priority: record.priority,
    serverName: record.name,
  };
}

/** By tier, then by address: name servers turn the order of their answers at will. */
function inOrder(one: TargetSpec, other: TargetSpec): number {
  const tiers = (one.priority ?? 0) - (other.priority ?? 0);
  return tiers !== 0 ? tiers : formatAddress(one.address) < formatAddress(other.address) ? -1 : 1;
}

function isServer(text: string): boolean {
  if (isIP(text) !== 0) return true;
  try {
    const address = parseAddress(text, "");
    return address.kind === "tcp" && isIP(address.host) !== 0 && address.port > 0;
  } catch {
    return false;
  }
}
