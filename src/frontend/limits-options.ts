import { z } from "zod";
import { duration, rate, size } from "../core/scalars.ts";

/** The `limits` block of a frontend; 0 stands for no limit, to lift one that is inherited. */
export function limitsOptions() {
  const count = () => z.int().nonnegative().optional();
  return z
    .strictObject({
      connections: count().meta({ description: "connections at a time" }),
      perClient: count().meta({
        description:
          "connections at a time of one client, which is an address (IPv4) or a /64 network (IPv6)",
      }),
      perClientPrefix: clientPrefixOptions().optional(),
      rate: rateOptions().optional(),
      queue: count().meta({
        description:
          "connections that wait when connections or rate is used up; without a queue they are refused",
      }),
      queueTimeout: duration({ min: 1 }).optional().meta({
        description: "how long a connection waits before it is refused",
      }),
      bandwidth: size().optional().meta({
        description: "bytes per second of all sessions together, both directions added up",
      }),
      sessionBandwidth: size().optional().meta({
        description: "bytes per second of each session, both directions added up",
      }),
    })
    .meta({ description: "how much a tunnel carries; 0, like nothing said, means no limit" });
}

function clientPrefixOptions() {
  return z
    .strictObject({
      v4: z.int().min(0).max(32).optional(),
      v6: z.int().min(0).max(128).optional(),
    })
    .meta({ description: "bits of an address that make one client for perClient" });
}

/** A rate, or one with the number that may come at once. */
function rateOptions() {
  return z
    .union([
      rate().transform((one) => ({ per: one, burst: undefined })),
      z.strictObject({
        per: rate(),
        burst: z.int().min(1).optional().meta({
          description: "connections that may come at once; default: the number in the rate",
        }),
      }),
    ])
    .meta({ description: "connections accepted, on the average; as many may come at once" });
}

export type LimitsOptions = z.output<ReturnType<typeof limitsOptions>>;
