import type { LogLevel } from "../core/control.ts";
import type { Events } from "../core/events.ts";
import { reasonOf } from "../core/outcome.ts";
import type { Log } from "../telemetry/log.ts";
import type { Told } from "./event-facts.ts";
import { HeldSockets } from "./held-sockets.ts";
import type { FromWorker, TargetDirectory, ToWorker, WorkerOrder, WorkerSetting } from "./messages.ts";
import type { Sockets } from "./sockets.ts";
import { type WorkerOwner, WorkerProcess } from "./worker-process.ts";
import { WorkerEnded, WorkerReplies } from "./worker-replies.ts";

export interface CrewSetup extends Pick<WorkerSetting, "user" | "group" | "rejections"> {
  readonly events: Events;
  readonly log: Log;
  readonly count: number;
  readonly sockets: Sockets;
  /** What is known of the targets now: for a worker that has just started. */
  directory(): TargetDirectory;
  onVerdict(worker: number, verdict: Extract<FromWorker, { readonly kind: "verdict" }>): void;
}

/** The workers of a supervisor: all of them carry out the same configuration, those too that replace others. */
export class Crew implements WorkerOwner {
  readonly sockets: HeldSockets;
  readonly workers: readonly WorkerProcess[];
  readonly #setup: CrewSetup;
  readonly #replies = new WorkerReplies();
  /** What a worker that starts now is to carry out. */
  #order: WorkerOrder | undefined;
  /** Workers that carry out the configuration of the moment, or are about to get the first one. */
  readonly #able = new Set<WorkerProcess>();
  /** Ends with what is under way: a change, from its preparation to its end, or a worker's getting the configuration. */
  #busy: Promise<void> = Promise.resolve();
  #done: () => void = () => {};
  #tell: ((told: Told, worker: number) => void) | undefined;

  constructor(setup: CrewSetup) {
    this.#setup = setup;
    this.sockets = new HeldSockets(setup.sockets);
    const { count, user, group, rejections, log } = setup;
    const setting = (id: number): WorkerSetting => ({
      ...{ id, of: count, user, group, rejections },
      level: log.logger.level as LogLevel,
    });
    this.workers = Array.from(
      { length: count },
      (_, index) => new WorkerProcess(index + 1, () => setting(index + 1), this),
    );
  }

  /**
   * Starts every worker.
   *
   * @throws Error when one cannot be started; then none is left
   */
  async start(): Promise<void> {
    const started = this.workers.map((worker) => this.#replies.start(worker));
    for (const worker of this.workers) worker.start();
    try {
      await Promise.all(started);
      for (const worker of this.workers) this.#able.add(worker);
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  /**
   * Has every worker make a configuration ready. One that ends meanwhile has nothing against it: who replaces it gets it, unless
   * all of them end.
   *
   * @throws what the first worker has against it; then all of them have dropped it
   */
  async prepare(order: WorkerOrder): Promise<void> {
    await this.#begin();
    const workers = [...this.#able];
    const results = await Promise.allSettled(workers.map((worker) => this.#replies.prepare(worker, order)));
    const reasons: unknown[] = results.flatMap((result) =>
      result.status === "rejected" ? [result.reason] : [],
    );
    const refused = reasons.filter((reason) => !(reason instanceof WorkerEnded));
    const [reason] = reasons.length === workers.length ? [...refused, ...reasons] : refused;
    if (reason === undefined) return;
    this.discard();
    throw reason;
  }

  /** Has every worker drop what it was told to prepare. */
  discard(): void {
    this.tell({ kind: "discard" });
    this.#done();
  }

  /** Has every worker take over what it was told to prepare. */
  commit(order: WorkerOrder): void {
    this.#order = order;
    this.tell({ kind: "commit" });
    this.tell({ kind: "targets", targets: this.#setup.directory() });
    for (const worker of this.#able) worker.ready();
    this.#done();
  }

  /** Resolves when every worker has done what it was told, as far as it answers. */
  async obeyed(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.obeyed()));
  }

  /** Tells every worker. */
  tell(message: ToWorker): void {
    for (const worker of this.workers) worker.send(message);
  }

  follow(tell: ((told: Told, worker: number) => void) | undefined): void {
    this.#tell = tell;
    this.tell({ kind: "follow", on: tell !== undefined });
  }

  /** Stops accepting; each worker ends with its last session. */
  finish(): void {
    for (const worker of this.workers) worker.finish();
    this.sockets.closeAll();
  }

  /** Ends every worker at once. */
  destroy(): void {
    for (const worker of this.workers) worker.destroy();
    this.sockets.closeAll();
  }

  onStarted(worker: WorkerProcess): void {
    const awaited = this.#replies.started(worker);
    if (!awaited && this.#order) void this.#bringUp(worker);
  }

  onMessage(worker: WorkerProcess, message: FromWorker): void {
    if (message.kind === "bind") void this.#bind(worker, message);
    else if (message.kind === "released") this.sockets.release(worker.id, message.key);
    else if (message.kind === "verdict") this.#setup.onVerdict(worker.id, message);
    else if (message.kind === "event") this.#tell?.(message, worker.id);
    else if (message.kind === "prepared" || message.kind === "failed") this.#replies.heard(worker, message);
  }

  onEnded(worker: WorkerProcess, how: string, expected: boolean): void {
    this.sockets.forget(worker.id);
    this.#able.delete(worker);
    this.#replies.ended(worker, how);
    if (!expected) this.#setup.events.emit("worker.ended", { worker: worker.id, reason: how });
  }

  onLog(lines: string): void {
    this.#setup.log.passOn(lines);
  }

  /** Waits for its turn; `#done` is to be called afterwards. */
  async #begin(): Promise<void> {
    const before = this.#busy;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#busy = promise;
    await before;
    this.#done = resolve;
  }

  /** A process that replaces another gets the configuration of the moment. */
  async #bringUp(worker: WorkerProcess): Promise<void> {
    const { events, directory } = this.#setup;
    const { pid } = worker.status;
    await this.#begin();
    const order = this.#order;
    // it may have ended meanwhile
    if (!order || !worker.connected || worker.status.pid !== pid) return this.#done();
    try {
      await this.#replies.prepare(worker, order);
      worker.send({ kind: "commit" });
      worker.send({ kind: "targets", targets: directory() });
      if (this.#tell) worker.send({ kind: "follow", on: true });
      worker.ready();
      this.#able.add(worker);
      events.emit("worker.started", { worker: worker.id, pid: worker.status.pid });
    } catch (error) {
      // one that has ended by itself has been told of
      if (worker.connected && worker.status.pid === pid) worker.restart(reasonOf(error));
    } finally {
      this.#done();
    }
  }

  async #bind(worker: WorkerProcess, message: Extract<FromWorker, { kind: "bind" }>): Promise<void> {
    const { request } = message;
    const result = await this.sockets.take(worker.id, message);
    if ("message" in result) worker.send({ kind: "bound", request, failure: result });
    else worker.send({ kind: "bound", request }, result);
  }
}
