import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { WorkerStatus } from "../core/status.ts";
import type { ServerHandle } from "../net/server-handle.ts";
import { type Counts, ended, sumCounts } from "../telemetry/counts.ts";
import {
  type FromWorker,
  type ToWorker,
  type WorkerSessions,
  type WorkerSetting,
  type WorkerState,
  workerVariable,
} from "./messages.ts";

/** How often a worker is asked whether it still works, in milliseconds, and how long it may take to answer. */
const heartbeat = 1000;
const stuckAfter = 8000;
/** The same for one that is starting: on a busy machine that alone takes seconds. */
const startsWithin = 30_000;
/** A worker that ends is replaced after this, twice as long each time it has not lived for `goodLife`. */
const firstPause = 100;
const longestPause = 30_000;
const goodLife = 10_000;
/** How long a question may take. */
const patience = 2000;

export interface WorkerOwner {
  /** A process has started and can be told what to do. */
  onStarted(worker: WorkerProcess): void;
  onMessage(worker: WorkerProcess, message: FromWorker): void;
  /** The process is gone; `expected` when it was told to end. */
  onEnded(worker: WorkerProcess, how: string, expected: boolean): void;
  /** Whole lines of its log. */
  onLog(lines: string): void;
}

/** One of the supervisor's workers: the process of the moment, and those that replace it. */
export class WorkerProcess {
  readonly id: number;
  readonly #setting: () => WorkerSetting;
  readonly #owner: WorkerOwner;
  #child: ChildProcess | undefined;
  #state: WorkerStatus["state"] = "starting";
  #startedAt = Date.now();
  #restarts = 0;
  #pause = firstPause;
  #timer: NodeJS.Timeout | undefined;
  #ending = false;
  #why: string | undefined;
  #heard = 0;
  #beat = 0;
  #requests = 0;
  readonly #waiting = new Map<number, (value: unknown) => void>();
  /** Of the processes that are gone. */
  #past: Counts = new Map();
  #latest: Counts = new Map();
  active = 0;

  constructor(id: number, setting: () => WorkerSetting, owner: WorkerOwner) {
    this.id = id;
    this.#setting = setting;
    this.#owner = owner;
  }

  /** Since its number was first given out. */
  get counts(): Counts {
    return sumCounts([this.#past, this.#latest]);
  }

  /** Whether there is a process that can be told something. */
  get connected(): boolean {
    return this.#child?.connected === true;
  }

  get status(): WorkerStatus {
    return {
      id: this.id,
      pid: this.#child?.pid ?? 0,
      startedAt: new Date(this.#startedAt).toISOString(),
      state: this.#state,
      restarts: this.#restarts,
      sessions: this.active,
    };
  }

  start(): void {
    const script = fileURLToPath(new URL(`../cli${extname(import.meta.filename)}`, import.meta.url));
    const child = fork(script, ["worker"], {
      serialization: "advanced",
      env: { ...process.env, [workerVariable]: JSON.stringify(this.#setting()) },
      stdio: ["ignore", "pipe", "inherit", "ipc"],
    });
    this.#child = child;
    this.#state = "starting";
    this.#startedAt = Date.now();
    this.#heard = performance.now();
    passOnLines(child, (lines) => this.#owner.onLog(lines));
    child.on("message", (message) => this.#onMessage(message as FromWorker));
    child.on("error", () => {});
    child.once("exit", (code, signal) => this.#onExit(child, signal ?? `exit code ${code}`));
    this.#watch();
  }

  send(message: ToWorker, handle?: ServerHandle): void {
    if (!this.#child?.connected) return;
    // a handle of Node's own, whose type is not public
    this.#child.send(message, handle as Parameters<ChildProcess["send"]>[1], {}, () => {});
  }

  /** It has taken over the configuration. */
  ready(): void {
    if (this.#state === "starting") this.#state = "running";
  }

  /** Undefined when it does not answer. */
  async state(): Promise<WorkerState | undefined> {
    const state = (await this.#ask({ kind: "ask", about: "state" })) as WorkerState | undefined;
    if (state) {
      this.#latest = state.counts;
      this.active = state.active;
    }
    return state;
  }

  async sessions(): Promise<WorkerSessions> {
    return ((await this.#ask({ kind: "ask", about: "sessions" })) as WorkerSessions | undefined) ?? [];
  }

  /** Resolves when it has done everything that it was told; one that does not answer is not waited for. */
  async obeyed(): Promise<void> {
    await this.#ask({ kind: "ask", about: "nothing" });
  }

  async kill(id: string): Promise<boolean> {
    return (await this.#ask({ kind: "kill", id })) === true;
  }

  /** Has it end when its last session has. */
  finish(): void {
    this.#ending = true;
    clearTimeout(this.#timer);
    this.#state = "draining";
    this.send({ kind: "close" });
  }

  /** Resolves when the process has ended and will not be replaced. */
  async ended(): Promise<void> {
    if (this.#child && this.#child.exitCode === null && this.#child.signalCode === null)
      await once(this.#child, "exit");
  }

  /** Ends the process, which is then replaced. `why` is what is told of it, in place of the signal. */
  restart(why: string): void {
    this.#why = why;
    this.#child?.kill("SIGKILL");
  }

  /** Ends it at once. */
  destroy(): void {
    this.#ending = true;
    clearTimeout(this.#timer);
    this.#child?.kill("SIGKILL");
  }

  #ask(
    question: { kind: "ask"; about: "state" | "sessions" | "nothing" } | { kind: "kill"; id: string },
  ): Promise<unknown> {
    if (!this.#child?.connected || this.#state === "starting") return Promise.resolve(undefined);
    const request = ++this.#requests;
    return new Promise((resolve) => {
      const settle = (value: unknown) => {
        clearTimeout(timer);
        this.#waiting.delete(request);
        resolve(value);
      };
      const timer = setTimeout(() => settle(undefined), patience);
      this.#waiting.set(request, settle);
      this.send({ ...question, request });
    });
  }

  #onMessage(message: FromWorker): void {
    this.#heard = performance.now();
    if (message.kind === "pong") {
      this.#latest = message.counts;
      this.active = message.active;
    } else if (message.kind === "answer") this.#waiting.get(message.request)?.(message.value);
    else if (message.kind === "started") this.#owner.onStarted(this);
    else this.#owner.onMessage(this, message);
  }

  /** Asks it again and again whether it still works, and ends a process that does not. */
  #watch(): void {
    this.#beat = performance.now();
    this.#timer = setTimeout(() => {
      const now = performance.now();
      // it is this process that was stopped for a while
      if (now - this.#beat > 3 * heartbeat) this.#heard = now;
      if (now - this.#heard > (this.#state === "starting" ? startsWithin : stuckAfter)) {
        this.#state = "stuck";
        this.#child?.kill("SIGKILL");
      } else this.send({ kind: "ping" });
      this.#watch();
    }, heartbeat);
  }

  #onExit(child: ChildProcess, how: string): void {
    if (child !== this.#child) return;
    clearTimeout(this.#timer);
    const why = this.#state === "stuck" ? "it did not answer any more" : (this.#why ?? how);
    this.#why = undefined;
    for (const settle of this.#waiting.values()) settle(undefined);
    this.#past = ended(this.counts);
    this.#latest = new Map();
    this.active = 0;
    this.#state = "starting";
    this.#owner.onEnded(this, why, this.#ending);
    if (this.#ending) return;
    this.#restarts++;
    this.#pause =
      Date.now() - this.#startedAt > goodLife ? firstPause : Math.min(2 * this.#pause, longestPause);
    this.#timer = setTimeout(() => this.start(), this.#pause);
  }
}

/** Lines of several processes must not be torn apart. */
function passOnLines(child: ChildProcess, onLines: (lines: string) => void): void {
  let rest = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    const end = text.lastIndexOf("\n") + 1;
    if (end === 0) {
      rest += text;
      return;
    }
    onLines(rest + text.slice(0, end));
    rest = text.slice(end);
  });
}
