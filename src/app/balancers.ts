import { guarded } from "../backend/balancers/guarded.ts";
import { backendUses } from "../config/backend-uses.ts";
import type { BackendConfig, Config } from "../config/schema.ts";
import type { Balancer } from "../core/backend.ts";
import type { Events } from "../core/events.ts";
import { explainFailure, type Plugin, type Plugins } from "../core/plugin.ts";
import { backingKey } from "./backing.ts";
import { type MaterialFault, MaterialFaults } from "./material-faults.ts";

export interface BalancersContext extends Pick<Plugins, "balancers"> {
  readonly events: Events;
}

/** The balancer of each backend. */
export interface Balancers {
  of(backend: BackendConfig): Balancer;
}

/**
 * Makes the balancer of every backend; a shared one has one for all its tunnels.
 *
 * @throws MaterialFaults when users' modules cannot make theirs
 */
export function createBalancers(config: Config, context: BalancersContext): Balancers {
  const made = new Map<string, Balancer>();
  const faults: MaterialFault[] = [];
  for (const { backend, path } of config.tunnels.flatMap(backendUses)) {
    if (made.has(backingKey(backend))) continue;
    const { algorithm, options } = backend.balance;
    const plugin = context.balancers.find((one) => one.name === algorithm);
    if (!plugin) throw new Error(`no balancer is called ${algorithm}`);
    if (plugin.file === undefined) made.set(backingKey(backend), plugin.create(options));
    else {
      const result = createUsers({ ...plugin, file: plugin.file }, options, context.events);
      if ("pick" in result) made.set(backingKey(backend), result);
      else faults.push({ path: [...path, "balance"], message: result.message });
    }
  }
  if (faults.length > 0) throw new MaterialFaults(faults);
  return {
    of: (backend) => {
      const balancer = made.get(backingKey(backend));
      if (!balancer) throw new Error(`backend ${backend.name} has no balancer`);
      return balancer;
    },
  };
}

function createUsers(
  { name, file, create }: Plugin<Balancer> & { readonly file: string },
  options: Readonly<Record<string, unknown>>,
  events: Events,
): Balancer | { readonly message: string } {
  try {
    const balancer: unknown = create(options);
    if (isBalancer(balancer)) return guarded(balancer, { plugin: name, file, events });
    return { message: `plugin ${name}: create returned no object with a function "pick"` };
  } catch (error) {
    return { message: `plugin ${name}: ${explainFailure(error, file)}` };
  }
}

function isBalancer(value: unknown): value is Balancer {
  return typeof value === "object" && value !== null && "pick" in value && typeof value.pick === "function";
}
