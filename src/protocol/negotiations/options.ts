import { z } from "zod";
import type { Negotiation } from "../../core/negotiation.ts";
import type { Plugin } from "../../core/plugin.ts";
import type { SchemaContext } from "../../core/scalars.ts";

/** A negotiation as it was named: its plugin's name and the options that its schema has read. */
export interface NegotiateOptions {
  readonly protocol: string;
  readonly options: Readonly<Record<string, unknown>>;
}

export interface NegotiateContext extends SchemaContext {
  readonly plugins: readonly Plugin<Negotiation>[];
  readonly description: string;
}

/** The choice of a negotiation: its name, or `{ protocol: NAME, … }`. */
export function negotiateOptions({ plugins, resolvePath, description }: NegotiateContext) {
  const blocks = plugins.map((plugin) =>
    plugin.options
      .extend({ protocol: z.literal(plugin.name) })
      .transform(({ protocol: _, ...options }): NegotiateOptions => {
        const { passwordFile: file } = options;
        return {
          protocol: plugin.name,
          options: typeof file === "string" ? { ...options, passwordFile: resolvePath(file) } : options,
        };
      }),
  );
  const names = z
    .enum(plugins.map((plugin) => plugin.name) as [string, ...string[]], {
      error: ({ input }) => (input === "mariadb" ? "mariadb speaks mysql: write mysql" : undefined),
    })
    .transform((protocol, check): NegotiateOptions => {
      const options = plugins.find((plugin) => plugin.name === protocol)?.options.safeParse({});
      if (options?.success) return { protocol, options: options.data };
      check.addIssue({
        code: "custom",
        message: `${protocol} has options that must be given; write { protocol: ${protocol}, … }`,
      });
      return z.NEVER;
    });
  return z.union([names, ...blocks]).meta({ description });
}
