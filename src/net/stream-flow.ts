import { type End, type Flow, type FlowOwner, guard, type Throttle } from "./flow.ts";

/**
 * The plain way with Node's streams: works for any pair of them, and is what the fast flows are measured against. The
 * only one that can be slowed down, and taken off its streams while they live.
 */
export class StreamFlow implements Flow {
  readonly fast = false;
  readonly #owner: FlowOwner;
  readonly #from: End;
  readonly #to: End;
  readonly #throttle: Throttle | undefined;
  /** The sink has not taken what it was given. */
  #sinkFull = false;
  /** Runs while the rate is used up. */
  #rest: NodeJS.Timeout | undefined;

  constructor(owner: FlowOwner, ends: { readonly from: End; readonly to: End }, throttle?: Throttle) {
    this.#owner = owner;
    this.#from = ends.from;
    this.#to = ends.to;
    this.#throttle = throttle;
    const source = ends.from.stream;
    source.on("data", this.#read);
    source.on("end", this.#ended);
    ends.to.stream.on("drain", this.#drained);
    // a client that sent nothing and ended while its target was dialled has told so already
    if (source.readableEnded) this.#ended();
    source.resume();
  }

  stop(): void {
    clearTimeout(this.#rest);
    this.#from.stream.off("data", this.#read).off("end", this.#ended);
    this.#to.stream.off("drain", this.#drained);
  }

  readonly #read = (chunk: Buffer): void => {
    try {
      this.#move(chunk);
    } catch (error) {
      this.#owner.failed(error);
    }
  };

  #move(chunk: Buffer): void {
    this.#owner.moved(this.#from, chunk.length);
    this.#owner.keep?.(this.#from, chunk);
    if (this.#to.lost) return;
    this.#to.written += chunk.length;
    this.#sinkFull = !this.#to.stream.write(chunk);
    if (this.#sinkFull) this.#owner.pressed();
    const wait = this.#throttle?.take(chunk.length) ?? 0;
    if (wait > 0) this.#pauseFor(wait);
    if (this.#sinkFull || this.#rest) this.#from.stream.pause();
  }

  readonly #ended = (): void => guard(this.#owner, () => this.#owner.sourceEnded(this.#from, this.#to));

  readonly #drained = (): void =>
    guard(this.#owner, () => {
      this.#owner.drained();
      this.#sinkFull = false;
      if (!this.#rest) this.#from.stream.resume();
    });

  #pauseFor(milliseconds: number): void {
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => {
      this.#rest = undefined;
      guard(this.#owner, () => {
        if (!this.#sinkFull) this.#from.stream.resume();
      });
    }, milliseconds);
  }
}
