import type { Socket } from "node:net";
import type { BulkReader } from "./bulk-socket.ts";
import { type End, type Flow, type FlowOwner, guard } from "./flow.ts";

/** From a socket that reads in bulk: each read becomes one write, and the next read waits until that is taken. */
export class BulkFlow implements Flow {
  readonly fast = true;
  readonly #owner: FlowOwner;
  readonly #from: End;
  readonly #to: End;
  readonly #reader: BulkReader;
  readonly #source: Socket;
  readonly #sinkEncrypts: boolean;
  #stopped = false;
  /** A write that the kernel has not taken whole: what it was given must stay as it is. */
  #underWay = false;

  constructor(owner: FlowOwner, ends: { readonly from: End; readonly to: End }, reader: BulkReader) {
    this.#owner = owner;
    this.#from = ends.from;
    this.#to = ends.to;
    this.#reader = reader;
    this.#source = ends.from.stream as Socket;
    this.#sinkEncrypts = "encrypted" in ends.to.stream;
    this.#source.on("end", () => guard(owner, () => owner.sourceEnded(this.#from, this.#to)));
    reader.start(this.#consume, () => this.#source.resume());
    if (this.#source.readableEnded) owner.sourceEnded(this.#from, this.#to);
  }

  stop(): void {
    this.#stopped = true;
    if (!this.#underWay) this.#reader.cool();
  }

  readonly #consume = (count: number, buffer: Buffer): boolean => {
    try {
      return this.#move(count, buffer);
    } catch (error) {
      this.#owner.failed(error);
      return false;
    }
  };

  #move(count: number, buffer: Buffer): boolean {
    const sink = this.#to.stream;
    this.#owner.moved(this.#from, count);
    if (this.#to.lost) return true;
    this.#to.written += count;
    const bytes = buffer.subarray(0, count);
    // a plain sink keeps what the kernel does not take at once, and the shared buffer is others' at the next read; TLS with
    // nothing queued has encrypted everything, or copied it, when write() returns (TLSWrap::DoWrite)
    const mayStay = this.#reader.isPrivate || (this.#sinkEncrypts && sink.writableLength === 0);
    sink.write(mayStay ? bytes : Buffer.from(bytes), this.#taken);
    this.#underWay = sink.writableLength > 0;
    if (!this.#sinkEncrypts) this.#reader.adapt(count, { mayCool: !this.#underWay });
    if (this.#underWay) this.#owner.pressed();
    return !this.#underWay;
  }

  readonly #taken = (error?: Error | null): void => {
    const waited = this.#underWay;
    this.#underWay = false;
    try {
      if (this.#stopped) this.#reader.cool();
      else if (waited && !error) {
        this.#owner.drained();
        this.#source.resume();
      }
    } catch (cause) {
      this.#owner.failed(cause);
    }
  };
}
