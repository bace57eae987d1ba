import type { WorkerState } from "./messages.ts";
import type { PlaneState, TargetState, TunnelState } from "./plane.ts";

type Merged = Pick<PlaneState, "tunnels" | "backends">;

/** What workers say, as if one process carried everything: sums, and of the health of a target the worst. */
export function mergeStates(states: readonly WorkerState[], own: Merged["backends"]): Merged {
  const tunnels = new Map<string, TunnelState>();
  for (const state of states)
    for (const [name, tunnel] of state.tunnels) tunnels.set(name, addTunnel(tunnels.get(name), tunnel));
  return {
    tunnels,
    backends: new Map(
      [...own].map(([key, targets]) => [
        key,
        targets.map((target) => {
          const there = states.flatMap(({ backends }) =>
            (backends.get(key) ?? []).filter((one) => one.key === target.key),
          );
          return addTargets(target, there);
        }),
      ]),
    ),
  };
}

function addTunnel(sum: TunnelState | undefined, one: TunnelState): TunnelState {
  if (!sum) return one;
  return {
    listening: sum.listening || one.listening,
    queued: sum.queued + one.queued,
    limited: sum.limited || one.limited,
  };
}

function addTargets(own: TargetState, there: readonly TargetState[]): TargetState {
  const bad = own.health === "up" ? there.find(({ health }) => health !== "up") : undefined;
  const { health, reason, changedAt } = bad ?? own;
  return { ...own, health, reason, changedAt, active: there.reduce((sum, { active }) => sum + active, 0) };
}
