import { run } from "./processes.ts";
import type { Sample } from "./statistics.ts";
import type { Workload } from "./workloads.ts";

/** CPUs: the proxy has one for itself, generator and origin share the other. */
export const proxyCpu = 0;
export const loadCpu = 1;

export interface WindowOptions {
  readonly loader: string;
  readonly port: number;
  /** Seconds. */
  readonly warmup: number;
  readonly seconds: number;
  /** The proxy's process; absent without a proxy. */
  readonly pid?: number;
  /** Whether the port speaks TLS. */
  readonly tls: boolean;
}

/** The line of JSON that the load generator prints. */
export interface Report {
  readonly seconds: number;
  readonly bytes: number;
  readonly messages: number;
  readonly connections: number;
  readonly resumed: number;
  readonly errors: number;
  readonly established: number;
  readonly p50: number;
  readonly p99: number;
  readonly ticks: number;
  readonly ticksPerSecond: number;
  /** CPU seconds of the generator itself. */
  readonly loadCpu: number;
  /** KiB. */
  readonly pssBefore: number;
  readonly pssAfter: number;
}

/** Puts one load on one port and waits for the end of the window. */
export async function loadPort(workload: Workload, options: WindowOptions): Promise<Report> {
  const { load, connections, message, resume } = workload;
  const args = ["--workload", load, "--port", options.port, "--connections", connections];
  args.push("--warmup", options.warmup, "--seconds", options.seconds);
  if (message !== undefined) args.push("--message", message);
  if (options.tls) args.push("--tls");
  if (resume) args.push("--resume");
  if (options.pid !== undefined) args.push("--pids", options.pid);
  const report = JSON.parse(await run([options.loader, ...args.map(String)], loadCpu)) as Report;
  if (report.errors > 0) throw new Error(`${report.errors} connections were lost`);
  if (resume && options.pid !== undefined && report.resumed < 0.9 * report.connections)
    throw new Error(`only ${report.resumed} of ${report.connections} connections were resumed`);
  return report;
}

/** Measures one window of a workload that counts work. */
export async function measure(workload: Workload, round: number, options: WindowOptions): Promise<Sample> {
  const report = await loadPort(workload, options);
  const { seconds, ticks, ticksPerSecond, p50, p99 } = report;
  const cpu = options.pid === undefined ? {} : { ticks };
  return { round, work: workOf(workload, report), seconds, ...cpu, ticksPerSecond, p50, p99 };
}

function workOf(workload: Workload, { bytes, connections, messages }: Report): number {
  if (workload.group === "bulk") return bytes / 1e6;
  return workload.group === "connections" ? connections : messages;
}
