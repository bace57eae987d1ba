import { mostTargets, otherTargets } from "./counts.ts";

export interface TargetGauges {
  readonly tunnel: string;
  readonly target: string;
  readonly up: boolean;
  readonly active: number;
  readonly weight: number;
}

/** More targets of a tunnel than its counters tell apart are one here too: up if any of them is. */
export function foldTargets(targets: readonly TargetGauges[]): Iterable<TargetGauges> {
  const folded = new Map<string, TargetGauges>();
  const ofTunnel = new Map<string, number>();
  for (const target of targets) {
    const { tunnel } = target;
    const count = (ofTunnel.get(tunnel) ?? 0) + 1;
    ofTunnel.set(tunnel, count);
    const name = count <= mostTargets ? target.target : otherTargets;
    const known = folded.get(`${tunnel}\n${name}`);
    folded.set(`${tunnel}\n${name}`, {
      tunnel,
      target: name,
      up: target.up || known?.up === true,
      active: target.active + (known?.active ?? 0),
      weight: target.weight + (known?.weight ?? 0),
    });
  }
  return folded.values();
}
