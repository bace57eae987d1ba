import { contestants, ours, reference } from "./contestants.ts";
import { floorOf, idleLimit, pingLimit } from "./floors.ts";
import type { Results } from "./results.ts";
import { direct, type Series } from "./rounds.ts";
import { pairwise, perCpuSecond, type Sample, spread, verdict } from "./statistics.ts";
import { markdownTable, number } from "./table.ts";
import { unitOf, type Workload, workloads } from "./workloads.ts";

/** The tables of a run. */
export function report(results: Results): string {
  return [
    "# Benchmark results",
    provenance(results),
    "## Ratios",
    ratiosLegend,
    ratios(results),
    "## Work per CPU-second",
    "Medians over the rounds; MB, connections or messages for one second of the proxy's CPU.",
    rates(results, (sample) => perCpuSecond(sample)),
    "## Work per second of the wall clock",
    "Mostly the limit of the load generator, which has one CPU together with the origin; `direct` has no proxy.",
    rates(results, ({ work, seconds }) => work / seconds, direct),
    "## Latency",
    "Microseconds, median / 99th percentile: of a message and its echo, or of a connection with its handshake and one echo.",
    latencies(results),
    pingCheck(results),
    "## Memory",
    "KiB (proportional set size) for each connection of a proxy that was just started.",
    memory(results),
    idleCheck(results),
    ...missing(results),
  ]
    .filter((part) => part !== "")
    .join("\n\n")
    .concat("\n");
}

const ratiosLegend = [
  `Work per CPU-second, ${ours} over the peer: median of the rounds (lowest–highest). Above 1 we are ahead; \`≈\` is a tie`,
  "(20 % for bulk, 10 % otherwise). `✓` and `✗` say whether the figure to reach, which follows it, is reached.",
].join("\n");

function provenance({ date, machine, protocol, absent }: Results): string {
  const { rounds, window, warmup, firstWarmup } = protocol;
  return [
    `- ${date}, ${machine.cpu}, ${machine.memory}, ${machine.kernel}`,
    `- ${rounds} rounds, windows of ${window} s after ${warmup} s (${firstWarmup} s the first time)`,
    machine.pinning
      ? "- proxies on CPU 0, load generator and origin on CPU 1"
      : "- no taskset: nothing is pinned",
    `- load generator and Debian's proxies: ${machine.openssl}`,
    ...Object.entries(machine.versions).map(([name, version]) => `- ${name}: ${version}`),
    ...absent.map((peer) => `- not measured, not installed: ${peer}`),
  ].join("\n");
}

function ratios(results: Results): string {
  const others = named(results).filter((name) => name !== ours && name !== direct);
  return table(others, (workload, name) => {
    const [own, other] = [seriesOf(results, workload, ours), seriesOf(results, workload, name)];
    const ratio = own && other && pairwise(own.samples, other.samples);
    if (!ratio) return "";
    const tie = verdict(ratio.median, workload.group) === "tie" ? "≈ " : "";
    const range = `${tie}**${ratio.median.toFixed(2)}** (${ratio.low.toFixed(2)}–${ratio.high.toFixed(2)})`;
    const floor = floorOf(workload.name, name);
    if (floor === undefined) return range;
    return `${range} ${ratio.median >= floor ? "✓" : "✗"} ${floor}`;
  });
}

function rates(results: Results, rate: (sample: Sample) => number | undefined, more?: string): string {
  const names = named(results).filter((name) => name !== direct || name === more);
  return table(names, (workload, name) => {
    const values = seriesOf(results, workload, name)?.samples.map(rate) ?? [];
    const found = spread(values.filter((value) => value !== undefined));
    return found ? number(found.median) : "";
  });
}

function latencies(results: Results): string {
  const groups = ["messages", "connections"];
  return table(named(results), (workload, name) => {
    if (!groups.includes(workload.group)) return "";
    const samples = seriesOf(results, workload, name)?.samples ?? [];
    const [p50, p99] = [spread(samples.map((one) => one.p50)), spread(samples.map((one) => one.p99))];
    return p50 && p99 ? `${number(p50.median)} / ${number(p99.median)}` : "";
  });
}

function pingCheck(results: Results): string {
  const median = (name: string) => {
    const found = results.series.find(
      (one) => one.workload === pingLimit.workload && one.contestant === name,
    );
    return spread(found?.samples.map(({ p50 }) => p50) ?? [])?.median;
  };
  const [own, other] = [median(ours), median(pingLimit.peer)];
  if (own === undefined || other === undefined) return "";
  const difference = own - other;
  const mark = difference <= pingLimit.microseconds ? "✓" : "✗";
  return `${mark} ${pingLimit.workload}: median ${difference.toFixed(1)} µs above ${pingLimit.peer}'s, at most ${pingLimit.microseconds} µs to reach.`;
}

function memory({ memory: found }: Results): string {
  const names = contestants
    .map(({ name }) => name)
    .filter((name) => found.some((one) => one.contestant === name));
  const rows = workloads
    .filter(({ name }) => found.some(({ workload }) => workload === name))
    .map(({ name, about }) => [
      about,
      ...names.map((contestant) => {
        const one = found.find((entry) => entry.workload === name && entry.contestant === contestant);
        return one ? one.kibPerConnection.toFixed(1) : "";
      }),
    ]);
  return rows.length > 0 ? markdownTable(["", ...names], rows) : "Not measured in this run.";
}

function idleCheck({ memory: found }: Results): string {
  const kib = (name: string) =>
    found.find(({ workload, contestant }) => workload === idleLimit.workload && contestant === name)
      ?.kibPerConnection;
  const [own, other] = [kib(ours), kib(idleLimit.peer)];
  if (own === undefined) return "";
  const good = own <= idleLimit.kib && (other === undefined || own < other);
  return `${good ? "✓" : "✗"} ${idleLimit.workload}: ${own.toFixed(1)} KiB, at most ${idleLimit.kib} KiB and below ${idleLimit.peer}'s to reach.`;
}

function missing({ series, failures }: Results): readonly string[] {
  const found = series.flatMap((one) =>
    one.failures.map((reason) => `- ${one.workload}, ${one.contestant}: ${reason}`),
  );
  const all = [...found, ...failures.map((failure) => `- ${failure}`)];
  return all.length === 0 ? [] : ["## Not measured", all.join("\n")];
}

/** One row for each workload that was measured, one column for each name; empty rows and columns are left out. */
function table(names: readonly string[], cell: (workload: Workload, name: string) => string): string {
  const rows = workloads
    .map((workload) => ({ workload, cells: names.map((name) => cell(workload, name)) }))
    .filter(({ cells }) => cells.some((text) => text !== ""));
  const kept = names.filter((_, index) => rows.some(({ cells }) => cells[index] !== ""));
  if (kept.length === 0) return "Not measured in this run.";
  return markdownTable(
    ["workload", "unit", ...kept],
    rows.map(({ workload, cells }) => [
      workload.name,
      unitOf(workload.group),
      ...cells.filter((_, index) => kept.includes(names[index] ?? "")),
    ]),
  );
}

/** Contestants in their order, ours first, the reference and `direct` last. */
function named({ series }: Results): readonly string[] {
  const known = contestants.map(({ name }) => name).filter((name) => name !== reference);
  return [...known, reference, direct].filter((name) => series.some(({ contestant }) => contestant === name));
}

function seriesOf({ series }: Results, workload: Workload, name: string): Series | undefined {
  return series.find((one) => one.workload === workload.name && one.contestant === name);
}
