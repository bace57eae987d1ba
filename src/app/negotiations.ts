import { plugins } from "../config/plugins.ts";
import type { BackendConfig, FrontendConfig } from "../config/schema.ts";
import type { Negotiation } from "../core/negotiation.ts";
import type { Plugin } from "../core/plugin.ts";
import type { NegotiateOptions } from "../protocol/negotiations/options.ts";

/** What a frontend speaks with its clients. */
export function serverNegotiation({ negotiate }: FrontendConfig): Negotiation | undefined {
  return negotiate && create(plugins.serverNegotiations, negotiate);
}

/** What a backend speaks with its targets. */
export function clientNegotiation({ negotiate }: BackendConfig): Negotiation | undefined {
  return negotiate && create(plugins.clientNegotiations, negotiate);
}

function create(from: readonly Plugin<Negotiation>[], { protocol, options }: NegotiateOptions): Negotiation {
  const plugin = from.find(({ name }) => name === protocol);
  if (!plugin) throw new Error(`no negotiation is called ${protocol}`);
  return plugin.create(options);
}
