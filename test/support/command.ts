/** A command of the program that runs to its end, as an operator types it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { launcher } from "./instance.ts";
import { patience } from "./patience.ts";

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Of `--json`. */
  json<Value>(): Value;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export async function command(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const { NO_COLOR: _, FORCE_COLOR: __, EQUILIBRIA_SOCKET: ___, ...env } = process.env;
  const child = spawn(process.execPath, [launcher, ...args], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), patience);
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  clearTimeout(timer);
  return { code, stdout, stderr, json: () => JSON.parse(stdout) };
}
