import { parseDuration, parseSize } from "../core/units.ts";
import type { LimitsOptions } from "../frontend/limits-options.ts";
import { builtIn } from "./defaults.ts";
import type { LimitsConfig } from "./schema.ts";

/** A tunnel's limits, each from the tunnel or else inherited; undefined where nobody has set any. */
export function resolveLimits(
  own: LimitsOptions | undefined,
  inherited: LimitsOptions | undefined,
): LimitsConfig | undefined {
  if (!own && !inherited) return undefined;
  const { limits } = builtIn;
  const given = <Key extends keyof LimitsOptions>(key: Key) => own?.[key] ?? inherited?.[key];
  const rate = given("rate");
  return {
    connections: given("connections") ?? limits.connections,
    perClient: given("perClient") ?? limits.perClient,
    perClientPrefix: prefixes(own, inherited),
    ...(rate && rate.per.count > 0 ? { rate: { ...rate.per, burst: rate.burst ?? rate.per.count } } : {}),
    queue: given("queue") ?? limits.queue,
    queueTimeout: given("queueTimeout") ?? parseDuration(limits.queueTimeout),
    bandwidth: given("bandwidth") ?? parseSize(limits.bandwidth),
    sessionBandwidth: given("sessionBandwidth") ?? parseSize(limits.sessionBandwidth),
  };
}

function prefixes(
  own: LimitsOptions | undefined,
  inherited: LimitsOptions | undefined,
): LimitsConfig["perClientPrefix"] {
  const { v4, v6 } = builtIn.limits.perClientPrefix;
  return {
    v4: own?.perClientPrefix?.v4 ?? inherited?.perClientPrefix?.v4 ?? v4,
    v6: own?.perClientPrefix?.v6 ?? inherited?.perClientPrefix?.v6 ?? v6,
  };
}
