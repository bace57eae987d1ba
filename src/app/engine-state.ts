import type { Target } from "../core/backend.ts";
import type { Engine } from "./engine.ts";
import type { PlaneState, TargetState } from "./plane.ts";

/** The state of what an engine carries, as plain data. */
export function engineState({ running, backings }: Engine): Pick<PlaneState, "tunnels" | "backends"> {
  return {
    tunnels: new Map(
      [...running].map(([name, { tunnel, frontend }]) => [
        name,
        {
          listening: frontend.open.length > 0,
          queued: tunnel.limits?.waiting ?? 0,
          limited: tunnel.limits !== undefined,
        },
      ]),
    ),
    backends: new Map([...backings].map(([key, { backend }]) => [key, backend.targets.all.map(targetState)])),
  };
}

/** The tunnels that use a backend of this name. */
export function tunnelsOf({ running }: Engine, backend: string): readonly string[] {
  return [...running.values()].flatMap(({ tunnel }) =>
    tunnel.backings.some((backing) => backing.backend.name === backend) ? [tunnel.name] : [],
  );
}

export function targetState(target: Target): TargetState {
  const {
    key,
    weight,
    priority = 0,
    maxConnections,
    health,
    reason,
    changedAt,
    admin,
    overridden,
    active,
  } = target;
  return { key, weight, priority, maxConnections, health, reason, changedAt, admin, overridden, active };
}
