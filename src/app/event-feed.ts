import type { ControlEvent } from "../core/control.ts";
import type { Told } from "./event-facts.ts";

/** Events that a reader may be behind before it loses the oldest. */
const longestQueue = 1000;

/** Hands on what happens to any number of readers. */
export class EventFeed {
  readonly #readers = new Set<(event: ControlEvent) => void>();
  readonly #onWanted: (wanted: boolean) => void;
  #last = 0;

  /** @param onWanted called when the first reader comes and when the last one leaves */
  constructor(onWanted: (wanted: boolean) => void) {
    this.#onWanted = onWanted;
  }

  get wanted(): boolean {
    return this.#readers.size > 0;
  }

  /** What happens from now on, until the signal fires. */
  async *read(signal: AbortSignal): AsyncIterable<ControlEvent> {
    const queue: ControlEvent[] = [];
    let wake = () => {};
    const reader = (event: ControlEvent) => {
      queue.push(event);
      if (queue.length > longestQueue) queue.shift();
      wake();
    };
    const onAbort = () => wake();
    signal.addEventListener("abort", onAbort);
    this.#readers.add(reader);
    if (this.#readers.size === 1) this.#onWanted(true);
    try {
      while (!signal.aborted) {
        const next = queue.shift();
        if (next) yield next;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#readers.delete(reader);
      if (this.#readers.size === 0) this.#onWanted(false);
    }
  }

  /** Tells every reader. */
  tell({ name, facts }: Told, worker: number): void {
    const event: ControlEvent = { id: ++this.#last, at: new Date().toISOString(), name, worker, facts };
    for (const reader of this.#readers) reader(event);
  }
}
