import { z } from "zod";
import type { Provider } from "../../core/backend.ts";
import type { Plugin } from "../../core/plugin.ts";

/** A provider as it was named, and the options that its schema has read. */
export interface DiscoverOptions {
  readonly provider: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** The choice of a provider: a block with one key, its name. */
export function discoverOptions(providers: readonly Plugin<Provider>[]) {
  const names = providers.map(({ name }) => name);
  return z
    .strictObject(Object.fromEntries(providers.map(({ name, options }) => [name, options.optional()])))
    .transform((given, check): DiscoverOptions => {
      if (check.issues.length > 0) return z.NEVER;
      const named = Object.entries(given).flatMap(([provider, options]) =>
        options === undefined ? [] : [{ provider, options: options as Record<string, unknown> }],
      );
      const [only, ...others] = named;
      if (only && others.length === 0) return only;
      check.addIssue({ code: "custom", message: `name one provider: ${names.join(" or ")}` });
      return z.NEVER;
    })
    .meta({ description: "where targets are found, beside those that are named" });
}
