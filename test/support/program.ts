/** Programs that are not ours: clients that run to their end, servers that run until the test is over. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { patience } from "./patience.ts";
import { toolPath } from "./requires.ts";

export interface ProgramOptions {
  /** Written to standard input, which is empty otherwise. */
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface Finished {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: Buffer;
  /** Standard output and error as text, for assertions and their messages. */
  readonly text: string;
}

/** Runs a program to its end. */
export async function run(
  tool: string,
  args: readonly string[],
  { input, ...options }: ProgramOptions = {},
): Promise<Finished> {
  const child = spawnTool(tool, args, options);
  const timer = setTimeout(() => child.kill("SIGKILL"), patience);
  const stdout: Buffer[] = [];
  let stderr = "";
  child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  // a program that does not read all of it is judged by its exit, not by the broken pipe
  child.stdin?.on("error", () => {});
  child.stdin?.end(input);
  const [code] = await once(child, "close");
  clearTimeout(timer);
  const output = Buffer.concat(stdout);
  return { code, stdout: output, text: `${output}${stderr}` };
}

/** A server in a process of its own. `await using` ends it. */
export interface RunningProgram extends AsyncDisposable {
  readonly pid: number;
  /** What it has written so far. */
  readonly output: string;
  /** Waits for output that has come or will come. */
  said(pattern: RegExp): Promise<void>;
  /** Asks it to end and waits until it has. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts a server; `ready` is what it writes when it accepts connections. */
export async function startProgram(
  tool: string,
  args: readonly string[],
  { ready, ...options }: Omit<ProgramOptions, "input"> & { readonly ready?: RegExp } = {},
): Promise<RunningProgram> {
  const program = new Server(tool, spawnTool(tool, args, options));
  try {
    if (ready) await program.said(ready);
    return program;
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
}

class Server implements RunningProgram {
  readonly pid: number;
  output = "";
  readonly #tool: string;
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;

  constructor(tool: string, child: ChildProcess) {
    this.#tool = tool;
    this.#child = child;
    this.#closed = once(child, "close");
    this.pid = child.pid ?? 0;
    child.stdin?.end();
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
        child.emit("output");
      });
  }

  async said(pattern: RegExp): Promise<void> {
    const signal = AbortSignal.timeout(patience);
    while (!pattern.test(this.output)) {
      const ended = this.#closed.then(() => {
        throw new Error(`${this.#tool} ended without ${pattern}:\n${this.output}`);
      });
      const late = () => {
        throw new Error(`${this.#tool} did not say ${pattern}:\n${this.output}`);
      };
      await Promise.race([once(this.#child, "output", { signal }).catch(late), ended]);
    }
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    this.#child.kill(signal);
    await this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
  }
}

function spawnTool(tool: string, args: readonly string[], { env, cwd }: ProgramOptions): ChildProcess {
  return spawn(toolPath(tool), args, {
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
    stdio: ["pipe", "pipe", "pipe"],
  });
}
