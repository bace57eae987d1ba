// Measures the program against other proxies; see docs/performance.md.
//
//   node scripts/bench.ts [--quick] [--vs NAME,…] [--only NAME,…] [--rounds N] [--json FILE] [--markdown FILE]
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Arena } from "../bench/arena.ts";
import { build, CannotBuild } from "../bench/build.ts";
import { type Contestant, contestants, isInstalled, ours, reference } from "../bench/contestants.ts";
import { describeMachine } from "../bench/machine.ts";
import { type Memory, measureMemory } from "../bench/memory.ts";
import { type Options, parseOptions, UsageError, usage } from "../bench/options.ts";
import { endAll, StartError } from "../bench/processes.ts";
import { report } from "../bench/report.ts";
import type { Results } from "../bench/results.ts";
import { interleave, type Series } from "../bench/rounds.ts";
import { type Workload, workloads } from "../bench/workloads.ts";

// sysexits(3)
const EX_USAGE = 64;
const EX_UNAVAILABLE = 69;

const directory = mkdtempSync(join(tmpdir(), "equilibria-bench-"));
process.once("exit", () => {
  endAll();
  rmSync(directory, { recursive: true, force: true });
});
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));

try {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) console.log(usage);
  else await main(options);
  process.exit();
} catch (error) {
  const known = error instanceof UsageError || error instanceof CannotBuild || error instanceof StartError;
  if (!known) throw error;
  console.error(`bench: ${error.message}`);
  process.exit(error instanceof UsageError ? EX_USAGE : EX_UNAVAILABLE);
}

async function main(options: Options): Promise<void> {
  const programs = build();
  const wanted = contestants.filter(
    ({ name }) => name === ours || name === reference || options.vs.includes(name),
  );
  const present = wanted.filter(isInstalled);
  const absent = wanted.filter((contestant) => !present.includes(contestant));
  for (const contestant of absent) console.error(`bench: ${absence(contestant)}`);

  const arena = await Arena.open(programs, directory, present);
  const chosen = workloads.filter(({ name }) => options.only.includes(name));
  const failures: string[] = [];
  const memory = await measureIdle(arena, { chosen, failures });
  const series = await measureWork(arena, { chosen, options, failures });
  const { rounds, window, warmup, firstWarmup } = options;
  const results: Results = {
    date: new Date().toISOString().slice(0, 10),
    machine: describeMachine(present),
    protocol: { rounds, window, warmup, firstWarmup },
    absent: absent.map(absence),
    series,
    memory,
    failures,
  };
  const text = report(results);
  console.log(text);
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(results)}\n`);
  if (options.markdown !== undefined) writeFileSync(options.markdown, text);
}

/** Memory first: each figure takes a proxy that has just been started, alone. */
async function measureIdle(
  arena: Arena,
  { chosen, failures }: { chosen: readonly Workload[]; failures: string[] },
): Promise<readonly Memory[]> {
  const found: Memory[] = [];
  for (const workload of chosen.filter(({ group }) => group === "idle"))
    for (const entrant of arena.entrants) {
      const { name, routes } = entrant.contestant;
      if (!routes.includes(workload.route)) continue;
      progress(workload, name);
      try {
        const { pid } = await arena.enter(entrant);
        const place = { loader: arena.programs.loader, port: entrant.ports[workload.route], pid, tls: true };
        found.push(await measureMemory(workload, name, place));
      } catch (error) {
        failures.push(`${workload.name}, ${name}: ${error instanceof Error ? error.message : error}`);
      }
      await arena.leave(name);
    }
  return found;
}

async function measureWork(
  arena: Arena,
  { chosen, options, failures }: { chosen: readonly Workload[]; options: Options; failures: string[] },
): Promise<readonly Series[]> {
  const counted = chosen.filter(({ group }) => group !== "idle");
  if (counted.length === 0) return [];
  for (const entrant of arena.entrants)
    try {
      await arena.enter(entrant);
    } catch (error) {
      // a peer that does not start is one column less; without our own program there is nothing to compare
      if (entrant.contestant.name === ours) throw error;
      failures.push(`${entrant.contestant.name}: ${error instanceof Error ? error.message : error}`);
    }
  const series: Series[] = [];
  for (const workload of counted) {
    progress(workload, `${options.rounds} rounds`);
    series.push(...(await interleave(arena, workload, options)));
  }
  return series;
}

function progress(workload: Workload, what: string): void {
  console.error(`bench: ${workload.name} (${workload.about}), ${what}`);
}

function absence({ name, program }: Contestant): string {
  return `${name} (package ${program?.package ?? "none"})`;
}
