/** A figure to reach: ours over the peer's, work per CPU-second. Below it, a release has lost something. */
export interface Floor {
  readonly workload: string;
  readonly peer: string;
  readonly ratio: number;
}

export const floors: readonly Floor[] = [
  { workload: "down1", peer: "stunnel", ratio: 1.8 },
  { workload: "down1", peer: "haproxy", ratio: 1.5 },
  { workload: "up1", peer: "stunnel", ratio: 1.15 },
  { workload: "up1", peer: "haproxy", ratio: 0.95 },
  { workload: "cup1", peer: "stunnel", ratio: 1.8 },
  { workload: "pdown1", peer: "haproxy", ratio: 1.3 },
  { workload: "ttdown1", peer: "stunnel", ratio: 1.3 },
  { workload: "ttdown1", peer: "haproxy", ratio: 1.0 },
  { workload: "hsec", peer: "stunnel", ratio: 1.15 },
  { workload: "hsec", peer: "haproxy", ratio: 0.82 },
  { workload: "hsres", peer: "stunnel", ratio: 1.2 },
  { workload: "hsres", peer: "haproxy", ratio: 0.85 },
  { workload: "ping50", peer: "stunnel", ratio: 1.4 },
  { workload: "ping50", peer: "haproxy", ratio: 0.75 },
  { workload: "pconn", peer: "haproxy", ratio: 0.45 },
];

/** Most KiB of an idle connection, at 5,000; stunnel's figure is a limit too. */
export const idleLimit = { workload: "idle5000", kib: 50, peer: "stunnel" } as const;

/** Most microseconds that the median of one TLS ping may lie above stunnel's. */
export const pingLimit = { workload: "ping1", microseconds: 15, peer: "stunnel" } as const;

export function floorOf(workload: string, peer: string): number | undefined {
  return floors.find((floor) => floor.workload === workload && floor.peer === peer)?.ratio;
}
