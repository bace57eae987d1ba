import { type OnReadOpts, type Server, Socket, type SocketConstructorOpts } from "node:net";
import type { Duplex } from "node:stream";
import { giveBuffer, sharedBuffer, takeBuffer } from "./buffers.ts";

/*
 * An ordinary socket reads 64 KiB at most, into memory of its own each time, and passes it through the stream machinery.
 * A socket with `onread` reads into a buffer that we choose and hands it to a callback: large reads, no allocation. For
 * sockets that we open this is documented (`net.connect({ onread })`); an accepted one is made from its handle.
 */

/** Gets `count` bytes at the start of `buffer`, valid until it returns; false pauses the reading. */
export type Consume = (count: number, buffer: Buffer) => boolean;

/** Two reads of this size in a row make a socket hot, one below `coldRead` makes it cold. */
const hotRead = 128 * 1024;
const coldRead = 16 * 1024;

const reader = Symbol("bulk reader");
type Bulk = Duplex & { [reader]?: BulkReader };

/** The reading side of a bulk socket. */
export class BulkReader {
  /** What arrived before anybody consumed; at most one read. */
  #stash: Buffer | undefined;
  #consume: Consume | undefined;
  #private: Buffer | undefined;
  #largeReads = 0;

  /** Goes into the options of a new socket. */
  readonly onread: OnReadOpts = {
    buffer: () => this.#private ?? sharedBuffer,
    callback: (count) => this.#read(count),
  };

  /** Whether reads go to a buffer of this socket's own, so that what is read may be kept until it is written. */
  get isPrivate(): boolean {
    return this.#private !== undefined;
  }

  /** Hands every read to `consume`, first what has arrived already. `resume` is called once when it wants more. */
  start(consume: Consume, resume: () => void): void {
    this.#consume = consume;
    const stash = this.#stash;
    this.#stash = undefined;
    if (!stash || consume(stash.length, stash)) resume();
  }

  /** Moves the socket to a private buffer while its reads are large, and back when they are small. */
  adapt(count: number, { mayCool }: { readonly mayCool: boolean }): void {
    this.#largeReads = count >= hotRead ? this.#largeReads + 1 : 0;
    if (this.#largeReads === 2) this.#private ??= takeBuffer();
    if (mayCool && count < coldRead) this.cool();
  }

  /**
   * Gives the private buffer back. Only while nothing reads into it: inside the callback, after which the socket asks
   * for its buffer anew, or once it is closed.
   */
  cool(): void {
    if (this.#private) giveBuffer(this.#private);
    this.#private = undefined;
    this.#largeReads = 0;
  }

  #read(count: number): boolean {
    const buffer = this.#private ?? sharedBuffer;
    if (this.#consume) return this.#consume(count, buffer);
    this.#stash = Buffer.from(buffer.subarray(0, count));
    return false;
  }
}

/** The bulk reader of a stream, if it is a bulk socket. */
export function bulkReaderOf(stream: Duplex): BulkReader | undefined {
  return (stream as Bulk)[reader];
}

/** Marks a socket that was made with `bulk.onread`. */
export function withBulkReader(socket: Socket, bulk: BulkReader): Socket {
  (socket as Bulk)[reader] = bulk;
  return socket;
}

/** What we use of Node's handles, none of it documented. */
interface AcceptedHandle {
  useUserBuffer?: unknown;
}
type OnConnection = (this: unknown, error: number, handle?: AcceptedHandle) => void;

export interface BulkAccept {
  /** Asked for each connection. */
  readonly wanted: () => boolean;
  readonly onSocket: (socket: Socket) => void;
}

/**
 * Makes a listening server hand out bulk sockets, by taking the place of Node's own function that makes a socket of an
 * accepted handle. Where Node has no such function, or for connections that are not wanted in bulk, all stays as it was.
 */
export function acceptInBulk(server: Server, { wanted, onSocket }: BulkAccept): void {
  const listening = (server as { _handle?: { onconnection?: OnConnection } | null })._handle;
  const ordinary = listening?.onconnection;
  if (!listening || typeof ordinary !== "function") return;
  listening.onconnection = function (error, handle) {
    if (error || typeof handle?.useUserBuffer !== "function" || !wanted()) {
      ordinary.call(this, error, handle);
      return;
    }
    const bulk = new BulkReader();
    const options = { handle, allowHalfOpen: true, readable: true, writable: true, onread: bulk.onread };
    onSocket(withBulkReader(new Socket(options as SocketConstructorOpts), bulk));
  };
}
