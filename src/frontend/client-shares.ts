import type { Duplex } from "node:stream";
import { ipBytes } from "../core/ip-bytes.ts";
import { SessionError } from "../core/outcome.ts";
import type { Session } from "../core/session.ts";
import type { Stage } from "../core/stage.ts";
import { whenClosed } from "./departure.ts";

export interface ClientSharesOptions {
  /** Connections of one client at a time, those that wait in the queue among them. */
  readonly perClient: number;
  /** Bits of an address that make a client. */
  readonly prefix: { readonly v4: number; readonly v6: number };
}

/** How many connections each client has. Another stage with the same prefixes can go on with it. */
export type ClientCounts = Map<string, number>;

/**
 * A preamble stage that refuses a client more than its share. Nobody waits for a share: a client that has too much is
 * not put before others.
 */
export function clientShares(
  { perClient, prefix }: ClientSharesOptions,
  counts: ClientCounts = new Map(),
): Stage {
  return async (session, stream: Duplex) => {
    const client = clientKey(session, prefix);
    const count = counts.get(client) ?? 0;
    if (count >= perClient)
      throw new SessionError("limited", `the client has ${count} connections already`, {
        label: "per-client",
      });
    counts.set(client, count + 1);
    whenClosed(stream, () => {
      const rest = (counts.get(client) ?? 0) - 1;
      if (rest > 0) counts.set(client, rest);
      else counts.delete(client);
    });
    return stream;
  };
}

/** Who counts as the same client. Those of unix sockets have no address: they are one. */
function clientKey({ client }: Session, { v4, v6 }: ClientSharesOptions["prefix"]): string {
  if (client.kind === "unix") return client.kind;
  const bytes = ipBytes(client.host);
  if (bytes === undefined) return client.host;
  const prefix = bytes.length === 4 ? v4 : v6;
  const network = bytes.map((byte, index) => {
    const bits = Math.min(8, Math.max(0, prefix - 8 * index));
    return byte & (0xff00 >> bits) & 0xff;
  });
  return String.fromCharCode(...network);
}
