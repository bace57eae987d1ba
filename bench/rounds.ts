import type { Arena, Entrant } from "./arena.ts";
import type { Sample } from "./statistics.ts";
import { measure } from "./window.ts";
import { clientSpeaksTls, type Route, type Workload } from "./workloads.ts";

/** The generator straight at the origin. */
export const direct = "direct";

export interface RoundOptions {
  readonly rounds: number;
  /** Seconds. */
  readonly window: number;
  readonly warmup: number;
  /** In the first round, when code is compiled and memory is taken. */
  readonly firstWarmup: number;
}

/** What a contestant has yielded in one workload. */
export interface Series {
  readonly workload: string;
  readonly contestant: string;
  readonly samples: readonly Sample[];
  /** Why windows are missing. */
  readonly failures: readonly string[];
}

/** Measures every entrant in turn, round by round, each round beginning with another. */
export async function interleave(
  arena: Arena,
  workload: Workload,
  options: RoundOptions,
): Promise<readonly Series[]> {
  const able = arena.entrants.filter(
    ({ contestant: { name, routes } }) =>
      routes.includes(workload.route) && arena.running(name) !== undefined,
  );
  // the origin gives no tickets, so nothing could be resumed with it
  const turns = workload.resume ? able : [undefined, ...able];
  const series = turns.map((entrant) => ({
    workload: workload.name,
    contestant: entrant?.contestant.name ?? direct,
    samples: [] as Sample[],
    failures: [] as string[],
  }));
  for (let round = 0; round < options.rounds; round++)
    for (let turn = 0; turn < turns.length; turn++) {
      const index = (turn + round) % turns.length;
      const own = series[index];
      const warmup = round === 0 ? options.firstWarmup : options.warmup;
      const where = place(arena, turns[index], workload.route);
      try {
        own?.samples.push(
          await measure(workload, round, {
            ...where,
            loader: arena.programs.loader,
            warmup,
            seconds: options.window,
          }),
        );
      } catch (error) {
        own?.failures.push(`round ${round + 1}: ${error instanceof Error ? error.message : error}`);
      }
    }
  return series;
}

function place(arena: Arena, entrant: Entrant | undefined, route: Route) {
  const tls = clientSpeaksTls(route);
  if (!entrant) return { port: arena.directPort(route), tls };
  const pid = arena.running(entrant.contestant.name)?.pid ?? 0;
  return { port: entrant.ports[route], tls, pid };
}
