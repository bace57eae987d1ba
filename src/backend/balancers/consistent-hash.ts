import { z } from "zod";
import type { Balancer, Target } from "../../core/backend.ts";
import { definePlugin } from "../../core/plugin.ts";
import type { Session } from "../../core/session.ts";
import { type Digest, digest, fraction } from "./digest.ts";

const keys = {
  /** Without its port, which is another one each time. A client of a unix socket has no address. */
  client: ({ client }: Session) => (client.kind === "tcp" ? client.host : "unix"),
  "server-name": ({ serverName }: Session) => serverName?.toLowerCase() ?? "",
};

/**
 * The same target for the same key, as long as it is there: weighted rendezvous hashing (Thaler and Ravishankar 1998).
 * Every target has a score for the key, the highest one wins. So a target that leaves hands over its own keys and no
 * others, one that comes takes its share from all, and neither a ring nor any other state has to agree between processes.
 */
export const consistentHash = definePlugin({
  name: "consistent-hash",
  options: z.strictObject({
    key: z.enum(["client", "server-name"]).default("client").meta({
      description:
        "what sticks to a target: the client's address without its port, or the server name that it asked for",
    }),
  }),
  create: ({ key }): Balancer => {
    const digests = new WeakMap<Target, Digest>();
    const keyOf = keys[key];
    return { pick: (candidates, session) => highest(candidates, digest(keyOf(session)), digests) };
  },
});

function highest(candidates: readonly Target[], key: Digest, digests: WeakMap<Target, Digest>): Target {
  let best = candidates[0] as Target;
  let highestScore = Number.NEGATIVE_INFINITY;
  for (const candidate of candidates) {
    const score = -candidate.weight / Math.log(fraction(key, digestOf(candidate, digests)));
    if (score > highestScore) {
      best = candidate;
      highestScore = score;
    }
  }
  return best;
}

function digestOf(target: Target, digests: WeakMap<Target, Digest>): Digest {
  const known = digests.get(target);
  if (known) return known;
  const made = digest(target.key);
  digests.set(target, made);
  return made;
}
