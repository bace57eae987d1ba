import { loadPort, type Report, type WindowOptions } from "./window.ts";
import type { Workload } from "./workloads.ts";

/** What connections that move nothing cost a proxy. */
export interface Memory {
  readonly workload: string;
  readonly contestant: string;
  readonly connections: number;
  /** Proportional set size, KiB. */
  readonly kibPerConnection: number;
}

/** Opened and closed before, so that what a first connection loads is not charged to those that count. */
const rehearsal = 100;

/** Measures the growth of a proxy that has just been started. */
export async function measureMemory(
  workload: Workload,
  contestant: string,
  options: Omit<WindowOptions, "warmup" | "seconds">,
): Promise<Memory> {
  const { connections } = workload;
  const short = { ...options, warmup: 0.2, seconds: 0.3 };
  await loadPort({ ...workload, load: "idle", message: 64, connections: rehearsal }, short);
  const report = await loadPort(workload, { ...options, warmup: 1, seconds: 1 });
  if (report.established < connections)
    throw new Error(`only ${report.established} of ${connections} connections came about`);
  return { workload: workload.name, contestant, connections, kibPerConnection: growth(report) / connections };
}

function growth({ pssBefore, pssAfter }: Report): number {
  return Math.max(0, pssAfter - pssBefore);
}
