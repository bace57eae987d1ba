import { z } from "zod";
import type { Probe } from "../../core/backend.ts";
import type { Plugin } from "../../core/plugin.ts";
import { duration } from "../../core/scalars.ts";

type TimingOptions = z.output<z.ZodObject<ReturnType<typeof timingOptions>>>;

/** A `health` block as it was written: what it does not say is inherited. */
export interface HealthOptions extends TimingOptions {
  /** The probe's name; without it, that of `defaults`, or the first one. */
  readonly type?: string | undefined;
  /** What the probe's schema has read. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** The choice of a probe; the names come from the plugins at hand, and the first need not be named. */
export function healthOptions(probes: readonly Plugin<Probe>[]) {
  const timing = timingOptions();
  const blocks = probes.map((plugin, index) => {
    const type = z.literal(plugin.name).meta({ description: "the probe" });
    return z
      .strictObject({ type: index === 0 ? type.optional() : type })
      .extend({ ...plugin.options.shape, ...timing })
      .transform((given): HealthOptions => {
        const { interval, timeout, rise, fall, initial, ...own } = given as TimingOptions;
        const { type: named, ...options } = own as { type?: string };
        return { type: named, options, interval, timeout, rise, fall, initial };
      });
  });
  const names = z
    .enum(probes.map((plugin) => plugin.name) as [string, ...string[]])
    .transform((type, check): HealthOptions => {
      const options = probes.find((plugin) => plugin.name === type)?.options.safeParse({});
      if (options?.success) return { type, options: options.data };
      check.addIssue({ code: "custom", message: `${type} has options; write { type: ${type}, … }` });
      return z.NEVER;
    });
  return z.union([names, ...blocks]).meta({
    description:
      "checks of the targets: the name of a probe, or { type: NAME, … }; without it there are none",
  });
}

function timingOptions() {
  return {
    interval: duration().optional().meta({
      description: "from the beginning of one check of a target to that of the next one; 0 turns checks off",
    }),
    timeout: duration({ min: 1 }).optional().meta({ description: "for one check, the connection included" }),
    rise: z.int().min(1).max(1000).optional().meta({
      description: "checks in a row that must pass before a target that is down is up",
    }),
    fall: z.int().min(1).max(1000).optional().meta({
      description: "checks in a row that must fail before a target is down",
    }),
    initial: z.enum(["up", "down"]).optional().meta({
      description: "what a target is before its checks have said anything",
    }),
  };
}
