import { spawn } from "node:child_process";
import { EventEmitter } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A record of the program's log, and the line of JSON that it came in. */
export type LogRecord = { readonly line: string; readonly event?: string } & Readonly<
  Record<string, unknown>
>;

const launcher = fileURLToPath(new URL("../../bin/equilibria-tunnel.cjs", import.meta.url));

/** Milliseconds that the program may take to say something. */
const patience = 15_000;

/** The real program in a process of its own. */
export class TunnelProcess extends EventEmitter<{ record: [LogRecord] }> {
  /** Resolves with the exit code when it has ended. */
  readonly ended: Promise<number>;
  readonly #child;
  /** What it says before its first record is why it cannot start. */
  #complaints = "";
  #speaks = false;

  constructor(configFile: string) {
    super();
    this.#child = spawn(process.execPath, [launcher, "-c", configFile], {
      stdio: ["ignore", "pipe", "pipe"],
      // out of the terminal's process group: Ctrl-C is for us to pass on, once
      detached: true,
    });
    // to a pipe it writes JSON, from which we learn what happens, and print it as it would itself on a terminal
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      if (!line.startsWith("{")) return;
      this.#speaks = true;
      this.emit("record", { ...JSON.parse(line), line });
    });
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      if (this.#speaks) process.stderr.write(text);
      else this.#complaints += text;
    });
    this.ended = new Promise((resolve, reject) => {
      this.#child.once("error", reject);
      this.#child.once("close", (code) => resolve(code ?? 1));
    });
    process.once("exit", () => this.#child.kill());
  }

  /** Waits for a record that has yet to come; rejects with what the program said if it ends before. */
  async record(matches: (record: LogRecord) => boolean): Promise<LogRecord> {
    const found = new Promise<LogRecord>((resolve, reject) => {
      this.on("record", (record) => {
        if (matches(record)) resolve(record);
      });
      setTimeout(() => reject(new Error("no word from the program for 15 s")), patience).unref();
    });
    return Promise.race([found, this.ended.then((code) => this.#fail(code))]);
  }

  /** The first time asks it to end, the second time tells it. */
  stop(): void {
    this.#child.kill("SIGTERM");
  }

  #fail(code: number): never {
    throw new Error(this.#complaints.trim() || `the program ended with ${code}`);
  }
}
