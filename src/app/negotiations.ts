import { plugins } from "../config/plugins.ts";
import type { BackendConfig, Config, FrontendConfig } from "../config/schema.ts";
import type { Path } from "../config/source.ts";
import type { Negotiation } from "../core/negotiation.ts";
import { OptionError, type Plugin } from "../core/plugin.ts";
import type { NegotiateOptions } from "../protocol/negotiations/options.ts";
import { faultAt, type MaterialFault } from "./material-faults.ts";

/** What a frontend speaks with its clients. */
export function serverNegotiation({ negotiate }: FrontendConfig): Negotiation | undefined {
  return negotiate && create(plugins.serverNegotiations, negotiate);
}

/** What a backend speaks with its targets. */
export function clientNegotiation({ negotiate }: BackendConfig): Negotiation | undefined {
  return negotiate && create(plugins.clientNegotiations, negotiate);
}

/** What tunnels negotiate and cannot, such as a password whose file is missing. */
export function negotiationFaults({ tunnels }: Config): readonly MaterialFault[] {
  return tunnels.flatMap(({ name, frontend, backend, routes = [] }) => {
    const path = ["tunnels", name];
    return [
      ...faultsOf([...path, "frontend"], () => serverNegotiation(frontend)),
      ...faultsOf([...path, "backend"], () => clientNegotiation(backend)),
      ...routes.flatMap((route, place) =>
        faultsOf([...path, "routes", place, "backend"], () => clientNegotiation(route.backend)),
      ),
    ];
  });
}

function faultsOf(path: Path, make: () => unknown): readonly MaterialFault[] {
  try {
    make();
    return [];
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    return [faultAt([...path, "negotiate"], error)];
  }
}

function create(from: readonly Plugin<Negotiation>[], { protocol, options }: NegotiateOptions): Negotiation {
  const plugin = from.find(({ name }) => name === protocol);
  if (!plugin) throw new Error(`no negotiation is called ${protocol}`);
  return plugin.create(options);
}
