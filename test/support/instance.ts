/** The program as its users run it: a process of its own, judged by what it writes and answers. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Address, parseAddress } from "../../src/core/address.ts";
import { writeFiles } from "./certificates.ts";
import { patience } from "./patience.ts";

export const launcher = fileURLToPath(new URL("../../bin/equilibria-tunnel.cjs", import.meta.url));

/** One JSON line of the log. */
export type LogLine = { readonly event?: string; readonly level: string } & Readonly<Record<string, unknown>>;

/** A session line, as far as tests look at it. */
export interface SessionLine extends LogLine {
  readonly tunnel: string;
  readonly client: string;
  readonly route?: string;
  readonly target?: string;
  readonly serverName?: string;
  readonly alpn?: string;
  readonly tls?: {
    readonly version: string;
    readonly cipher: string;
    readonly resumed: boolean;
    readonly client?: { readonly subject: string; readonly fingerprint: string; readonly verified: boolean };
  };
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly attempts: number;
  readonly outcome: string;
  readonly reason?: string;
}

export interface InstanceOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly args?: readonly string[];
  /** A command that becomes the program, such as prlimit. */
  readonly through?: readonly string[];
}

export class Instance {
  readonly process: ChildProcess;
  readonly lines: LogLine[] = [];
  stderr = "";
  readonly #waiting = new Set<() => void>();
  readonly #exited: Promise<number | NodeJS.Signals>;

  constructor(args: readonly string[], { env, cwd, through = [] }: InstanceOptions = {}) {
    const [command = process.execPath, ...rest] = [...through, process.execPath, launcher, ...args];
    this.process = spawn(command, rest, {
      env: { ...process.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
      stdio: ["ignore", "pipe", "pipe"],
    });
    const { stdout, stderr } = this.process;
    if (!stdout || !stderr) throw new Error("no pipes");
    createInterface({ input: stdout }).on("line", (line) => {
      this.lines.push(line.startsWith("{") ? JSON.parse(line) : { level: "info", text: line });
      this.#wake();
    });
    stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.#exited = once(this.process, "close").then(([code, signal]) => code ?? signal);
    this.#exited.then(() => this.#wake());
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  /** Waits for a log line that has come or will come. */
  async line(matches: (line: LogLine) => boolean, what = "a log line"): Promise<LogLine> {
    return this.#until(() => this.lines.find(matches), what);
  }

  /** Waits until `count` sessions (of `tunnel`, if given) have ended, and returns them in the order of their end. */
  async sessions(count: number, tunnel?: string): Promise<readonly SessionLine[]> {
    const ended: SessionLine[] = [];
    let seen = 0;
    const more = () => {
      const before = ended.length;
      for (const line of this.lines.slice(seen))
        if (line.event === "session" && (tunnel === undefined || line["tunnel"] === tunnel))
          ended.push(line as unknown as SessionLine);
      seen = this.lines.length;
      return ended.length > before || undefined;
    };
    more();
    // patience is with each of them, not with all together
    while (ended.length < count) await this.#until(more, `session line ${ended.length + 1} of ${count}`);
    return ended;
  }

  /** Where a tunnel listens; `index` counts its listeners. */
  address(tunnel: string, index = 0): Address {
    const ready = this.lines.find((line) => line.event === "ready");
    const listeners = (ready?.["listeners"] ?? []) as readonly { tunnel: string; address: string }[];
    const listener = listeners.filter((one) => one.tunnel === tunnel)[index];
    if (!listener) throw new Error(`no listener ${index} of ${tunnel}`);
    return parseAddress(listener.address, "127.0.0.1");
  }

  port(tunnel: string, index = 0): number {
    const address = this.address(tunnel, index);
    if (address.kind !== "tcp") throw new Error(`${tunnel} does not listen on TCP`);
    return address.port;
  }

  exited(): Promise<number | NodeJS.Signals> {
    return this.#exited;
  }

  /** Asks it to stop and waits for the exit. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | NodeJS.Signals> {
    this.process.kill(signal);
    return this.#exited;
  }

  /** Ends it at once, whatever state it is in. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill("SIGKILL");
    await this.#exited;
  }

  /** Looks again at each new line until there is an answer; the exit, or none in a minute, is a failure. */
  async #until<T>(look: () => T | undefined, what: string): Promise<T> {
    for (const deadline = Date.now() + patience; ; ) {
      const found = look();
      if (found !== undefined) return found;
      if (this.process.exitCode !== null || Date.now() > deadline)
        throw new Error(
          `${what} did not come; exit ${this.process.exitCode}\n${this.stderr}\n${JSON.stringify(this.lines.slice(-5))}`,
        );
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      await Promise.race([promise, delay(1000)]);
      this.#waiting.delete(resolve);
    }
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }
}

/** Starts the program with this configuration and files beside it, and waits until it is ready. */
export async function startInstance(
  yaml: string,
  files: Readonly<Record<string, string | Buffer>> = {},
  options: InstanceOptions = {},
): Promise<Instance> {
  const folder = writeFiles({ "tunnels.yaml": withEveryLine(yaml), ...files });
  const instance = new Instance(["-c", folder.path("tunnels.yaml"), ...(options.args ?? [])], options);
  instance.exited().then(() => folder[Symbol.dispose]());
  await instance.line((line) => line.event === "ready", "the ready record");
  return instance;
}

/** Runs the program to its end; one that goes on, because it has started after all, is ended with SIGKILL. */
export async function runToEnd(args: readonly string[], options: InstanceOptions = {}) {
  await using instance = new Instance(args, options);
  const timer = setTimeout(() => instance.process.kill("SIGKILL"), patience);
  const exit = await instance.exited();
  clearTimeout(timer);
  const stdout = instance.lines.map((line) => String(line["text"] ?? JSON.stringify(line))).join("\n");
  return { exit, stdout, stderr: instance.stderr };
}

/** Tests look for the line of each session: a configuration that does not speak of the log gets one without a dam. */
export function withEveryLine(yaml: string): string {
  return /^tunnels:/m.test(yaml) && !/^log:/m.test(yaml) ? `log: { rejections: 0 }\n${yaml}` : yaml;
}
