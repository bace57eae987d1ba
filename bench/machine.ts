import { spawnSync } from "node:child_process";
import { cpus, release, totalmem, type } from "node:os";
import type { Contestant } from "./contestants.ts";
import { pinning } from "./processes.ts";

/** Where a run took place, and with what. */
export interface Machine {
  readonly cpu: string;
  readonly kernel: string;
  readonly memory: string;
  readonly pinning: boolean;
  readonly openssl: string;
  /** By contestant. */
  readonly versions: Readonly<Record<string, string>>;
}

export function describeMachine(contestants: readonly Contestant[]): Machine {
  const [first] = cpus();
  return {
    cpu: `${cpus().length} × ${first?.model.trim() ?? "unknown"}`,
    kernel: `${type()} ${release()}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    pinning,
    openssl:
      spawnSync("openssl", ["version"], { encoding: "utf8" }).stdout?.split("(")[0]?.trim() ?? "unknown",
    versions: Object.fromEntries(contestants.map((contestant) => [contestant.name, contestant.version()])),
  };
}
