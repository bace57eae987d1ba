import { parseArgs } from "node:util";
import { peers } from "./contestants.ts";
import type { RoundOptions } from "./rounds.ts";
import { workloads } from "./workloads.ts";

/** What is wrong with the command line; the message is one line. */
export class UsageError extends Error {}

export interface Options extends RoundOptions {
  /** Names of peers to be measured against. */
  readonly vs: readonly string[];
  /** Names of workloads. */
  readonly only: readonly string[];
  readonly json: string | undefined;
  readonly markdown: string | undefined;
  readonly help: boolean;
}

export const usage = `usage: npm run bench -- [options]

  --quick            the essential workloads against stunnel and haproxy, in under two minutes
  --vs NAME,…        peers: ${peers.map(({ name }) => name).join(", ")}
  --only NAME,…      workloads: ${workloads.map(({ name }) => name).join(", ")}
  --rounds N         rounds of each workload; 5, with --quick 3
  --json FILE        writes every window
  --markdown FILE    writes the tables
  --help`;

const quick = {
  rounds: 3,
  window: 0.8,
  warmup: 0.2,
  firstWarmup: 0.8,
  vs: ["stunnel", "haproxy"],
  only: ["down1", "up1", "hsec", "hsres", "pconn", "ping50"],
};
const full = {
  rounds: 5,
  window: 1,
  warmup: 0.4,
  firstWarmup: 2,
  vs: peers.map(({ name }) => name),
  only: workloads.map(({ name }) => name),
};

/** @throws UsageError */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parse(args);
  const base = values.quick ? quick : full;
  const rounds = values.rounds === undefined ? base.rounds : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new UsageError(`--rounds ${values.rounds} is no number of rounds`);
  return {
    ...base,
    rounds,
    vs: names("--vs", values.vs, full.vs) ?? base.vs,
    only: names("--only", values.only, full.only) ?? base.only,
    json: values.json,
    markdown: values.markdown,
    help: values.help ?? false,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        quick: { type: "boolean" },
        vs: { type: "string" },
        only: { type: "string" },
        rounds: { type: "string" },
        json: { type: "string" },
        markdown: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function names(
  option: string,
  list: string | undefined,
  known: readonly string[],
): readonly string[] | undefined {
  const given = list?.split(",").filter((name) => name !== "");
  const stranger = given?.find((name) => !known.includes(name));
  if (stranger !== undefined) throw new UsageError(`${option}: ${stranger} is none of ${known.join(", ")}`);
  return given;
}
