import { ListenError } from "../net/listen.ts";
import { MaterialFaults } from "./material-faults.ts";
import type { Failure, FromWorker, WorkerOrder } from "./messages.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** How long a worker may take to start, and to make a configuration ready, in milliseconds. */
const patience = 60_000;

type Reply = Extract<FromWorker, { readonly kind: "prepared" | "failed" }>;

/** The process is gone in the middle of it. */
export class WorkerEnded extends Error {
  override readonly name = "WorkerEnded";
}

/** What a supervisor waits for from each worker: one thing at a time. */
export class WorkerReplies {
  readonly #waiting = new Map<WorkerProcess, PromiseWithResolvers<void>>();

  /** Resolves when the worker has started. */
  start(worker: WorkerProcess): Promise<void> {
    return this.#wait(worker, "did not start");
  }

  /** Resolves when the worker has made everything ready; rejects with what it has against it, or WorkerEnded. */
  prepare(worker: WorkerProcess, order: WorkerOrder): Promise<void> {
    const prepared = this.#wait(worker, "did not get ready");
    worker.send({ kind: "prepare", order });
    return prepared;
  }

  /** Whether somebody has waited for it. */
  started(worker: WorkerProcess): boolean {
    const waiting = this.#take(worker);
    waiting?.resolve();
    return waiting !== undefined;
  }

  heard(worker: WorkerProcess, reply: Reply): void {
    if (reply.kind === "prepared") this.#take(worker)?.resolve();
    if (reply.kind === "failed") this.#take(worker)?.reject(errorOf(reply.failure));
  }

  ended(worker: WorkerProcess, how: string): void {
    this.#take(worker)?.reject(new WorkerEnded(`worker ${worker.id} has ended: ${how}`));
  }

  #wait(worker: WorkerProcess, what: string): Promise<void> {
    const waiting = Promise.withResolvers<void>();
    this.#waiting.set(worker, waiting);
    const timer = setTimeout(
      () => waiting.reject(new Error(`worker ${worker.id} ${what} within ${patience / 1000}s`)),
      patience,
    );
    return waiting.promise.finally(() => clearTimeout(timer));
  }

  #take(worker: WorkerProcess): PromiseWithResolvers<void> | undefined {
    const waiting = this.#waiting.get(worker);
    this.#waiting.delete(worker);
    return waiting;
  }
}

/** The error as it was in the worker, so far as others look at it. */
function errorOf({ message, code, faults, listening }: Failure): Error {
  if (faults) return new MaterialFaults(faults);
  if (listening) return new ListenError(message, { code });
  return Object.assign(new Error(message), { code });
}
