import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** A program does not start or does not stay; the message has its last words. */
export class StartError extends Error {}

export interface ProcessOptions {
  readonly name: string;
  /** The CPU that it may use, where `taskset` exists. */
  readonly cpu: number;
  /** Where its output goes, as NAME.out. */
  readonly directory: string;
}

/** A process that runs until it is ended. */
export interface Running {
  readonly name: string;
  readonly pid: number;
  /** Fires when it has ended by itself; the reason says what it printed last. */
  readonly died: AbortSignal;
  end(): Promise<void>;
}

/** Milliseconds between asking a process to end and telling it. */
const grace = 1500;

const running = new Set<ChildProcess>();
const hasTaskset = spawnSync("taskset", ["-V"]).status === 0;

/** Whether processes are kept to one CPU each. */
export const pinning = hasTaskset;

/** The same command, kept to one CPU. */
export function pinned(command: readonly string[], cpu: number): readonly [string, ...string[]] {
  const [program = "", ...args] = command;
  return hasTaskset ? ["taskset", "-c", String(cpu), program, ...args] : [program, ...args];
}

/** Starts a process in a process group of its own, so that its children end with it. */
export function start(command: readonly string[], { name, cpu, directory }: ProcessOptions): Running {
  const [program, ...args] = pinned(command, cpu);
  const log = join(directory, `${name}.out`);
  const output = openSync(log, "w");
  const child = spawn(program, args, { stdio: ["ignore", output, output], detached: true });
  closeSync(output);
  running.add(child);
  const died = new AbortController();
  const ended = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      died.abort(new StartError(`${name}: ${error.message}`));
      resolve();
    });
    child.once("exit", (code, signal) => {
      const words = readFileSync(log, "utf8").trim().split("\n").slice(-3).join("\n  ");
      died.abort(new StartError(`${name} has ended with ${signal ?? code}\n  ${words}`));
      resolve();
    });
  });
  return {
    name,
    pid: child.pid ?? 0,
    died: died.signal,
    end: async () => {
      kill(child, "SIGTERM");
      await Promise.race([ended, delay(grace)]);
      kill(child, "SIGKILL");
      await ended;
      running.delete(child);
    },
  };
}

/** Runs a command to its end; returns what it printed. Rejects with its complaints when it fails. */
export async function run(command: readonly string[], cpu: number): Promise<string> {
  const [program, ...args] = pinned(command, cpu);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
  running.add(child);
  let printed = "";
  let complaints = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints += text;
  });
  const [code] = await once(child, "close");
  running.delete(child);
  if (code !== 0)
    throw new Error(complaints.trim().split("\n").slice(0, 3).join("\n") || `${program}: ${code}`);
  return printed;
}

/** Ends every process at once, when the program itself ends early. */
export function endAll(): void {
  for (const child of running) kill(child, "SIGKILL");
}

function kill(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // its group is gone already
  }
}
