import { bulkSize, giveBuffer, takeBuffer } from "./buffers.ts";
import { type End, type Flow, type FlowOwner, guard } from "./flow.ts";

/** A TLS record holds 16 KiB at most; what comes near is part of a bulk transfer. */
const bulkRecord = 8 * 1024;

/**
 * From a TLS stream, which hands out one record at a time: small ones are written at once, large ones are gathered and
 * written together at the end of the event loop's turn.
 */
export class GatherFlow implements Flow {
  readonly fast = true;
  readonly #owner: FlowOwner;
  readonly #from: End;
  readonly #to: End;
  #gathered: Buffer | undefined;
  #length = 0;
  #scheduled = false;
  #stopped = false;

  constructor(owner: FlowOwner, from: End, to: End) {
    this.#owner = owner;
    this.#from = from;
    this.#to = to;
    const source = from.stream;
    source.on("data", this.#read);
    to.stream.on("drain", () =>
      guard(owner, () => {
        owner.drained();
        source.resume();
      }),
    );
    source.on("end", () =>
      guard(owner, () => {
        this.#flush();
        owner.sourceEnded(from, to);
      }),
    );
    if (source.readableEnded) owner.sourceEnded(from, to);
    source.resume();
  }

  stop(): void {
    this.#stopped = true;
    if (this.#gathered) giveBuffer(this.#gathered);
    this.#gathered = undefined;
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
    if (this.#to.lost || this.#stopped) return;
    this.#to.written += chunk.length;
    if (this.#length + chunk.length > bulkSize) this.#flush();
    const bulk = this.#length > 0 || chunk.length >= bulkRecord;
    if (bulk) this.#gathered ??= takeBuffer();
    if (bulk && this.#gathered) this.#gather(chunk, this.#gathered);
    else this.#write(chunk);
  }

  #gather(chunk: Buffer, into: Buffer): void {
    chunk.copy(into, this.#length);
    this.#length += chunk.length;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#turnOver);
  }

  readonly #turnOver = (): void => {
    this.#scheduled = false;
    try {
      this.#flush();
    } catch (error) {
      this.#owner.failed(error);
    }
  };

  #flush(): void {
    const buffer = this.#gathered;
    if (!buffer) return;
    this.#gathered = undefined;
    const bytes = buffer.subarray(0, this.#length);
    this.#length = 0;
    if (this.#to.lost) giveBuffer(buffer);
    else this.#write(bytes, () => giveBuffer(buffer));
  }

  #write(bytes: Buffer, written?: () => void): void {
    if (this.#to.stream.write(bytes, written)) return;
    this.#from.stream.pause();
    this.#owner.pressed();
  }
}
