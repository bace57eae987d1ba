import type { Duplex } from "node:stream";
import type { LinePeer } from "../core/negotiation.ts";
import { SessionError } from "../core/outcome.ts";
import type { Parsed } from "../core/parsed.ts";
import type { Session } from "../core/session.ts";

export interface PeerOptions {
  /** Who it is, in words for messages: `smtp client`. */
  readonly who: string;
  /** `performance.now()` at which every wait ends; absent: somebody else watches the time and destroys the stream. */
  readonly endsAt?: number | undefined;
  /** Whose `interrupt` to take while waiting; absent where somebody else has it. */
  readonly session?: Session | undefined;
  /** Bytes of one line, its end included. */
  readonly longestLine?: number | undefined;
  /** Bytes read in all. */
  readonly most?: number | undefined;
}

interface WaitOptions<Value> {
  /** Ends the wait before the dialogue's end. */
  readonly early?: { readonly milliseconds: number; readonly value: Value };
  /** What the dialogue's end means to this wait. */
  readonly late?: () => SessionError;
}

const usual = { longestLine: 4096, most: 64 * 1024 };
const lineFeed = 0x0a;

/** A stream as the other end of a dialogue. It takes from the stream only while somebody waits. */
export class StreamPeer implements LinePeer {
  readonly #stream: Duplex;
  readonly #options: PeerOptions;
  readonly #longestLine: number;
  #unread: Buffer = Buffer.alloc(0);
  /** Bytes that may still come. */
  #left: number;

  constructor(stream: Duplex, options: PeerOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#longestLine = options.longestLine ?? usual.longestLine;
    this.#left = options.most ?? usual.most;
  }

  async readLine(): Promise<string> {
    for (;;) {
      const end = this.#unread.indexOf(lineFeed);
      if ((end < 0 ? this.#unread.length : end + 1) > this.#longestLine)
        throw this.#fault(`has sent a line of more than ${this.#longestLine} bytes`, "malformed");
      if (end >= 0)
        return this.#shift(end + 1)
          .toString("latin1")
          .replace(/\r?\n$/, "");
      await this.#more();
    }
  }

  async read(count: number): Promise<Buffer> {
    while (this.#unread.length < count) await this.#more();
    return this.#shift(count);
  }

  async parse<Value>(parse: (bytes: Buffer) => Parsed<Value>): Promise<Value> {
    for (;;) {
      const parsed = parse(this.#unread);
      if (parsed.kind === "bad") throw this.#fault(`has sent something wrong: ${parsed.reason}`, "malformed");
      if (parsed.kind === "value") {
        this.#shift(parsed.length);
        return parsed.value;
      }
      if (parsed.atLeast - this.#unread.length > this.#left) throw this.#tooMuch();
      while (this.#unread.length < parsed.atLeast) await this.#more();
    }
  }

  async peek(milliseconds?: number): Promise<number | undefined> {
    if (this.#unread.length === 0 && !(await this.#more(milliseconds))) return undefined;
    return this.#unread[0];
  }

  async during<Value>(work: Promise<Value>, what: string): Promise<Value> {
    // it may end badly when nobody waits for it any more
    work.catch(() => {});
    const late = () => new SessionError("bad-preamble", `${what} has taken too long`, { label: "timeout" });
    const done = await this.#wait<{ readonly value: Value }>({ late }, (settle) => {
      work.then(
        (value) => settle({ value: { value } }),
        (error: unknown) => settle(error instanceof Error ? error : new Error(String(error))),
      );
      return () => {};
    });
    return done.value;
  }

  write(bytes: string | Uint8Array): Promise<void> {
    const piece = bytesOf(bytes);
    return this.#wait<void>({}, (settle) => {
      this.#stream.write(piece, (error) => settle(error ? this.#gone() : { value: undefined }));
      return () => {};
    });
  }

  unread(bytes: string | Uint8Array): void {
    this.#unread = Buffer.concat([bytesOf(bytes), this.#unread]);
  }

  async dismiss(bytes: string | Uint8Array): Promise<void> {
    const { session } = this.#options;
    if (session) session.dismissed = true;
    const piece = bytesOf(bytes);
    await this.#wait<void>({}, (settle) => {
      this.#stream.end(piece, () => settle({ value: undefined }));
      return () => {};
    });
  }

  /**
   * Ends the dialogue where TLS begins. What the peer has sent beyond its last line was sent in the clear, by whoever
   * was on the way, and must not be taken for what comes protected (RFC 3207 section 6): the session ends.
   *
   * @param last sent after that has been looked at, since the answer to it is TLS
   */
  async release(last?: string | Uint8Array): Promise<void> {
    this.#take();
    if (this.#unread.length > 0) throw this.#fault("has sent plain bytes where TLS begins", "plaintext");
    if (last !== undefined) await this.write(last);
  }

  /** Ends the dialogue where plain bytes may follow: they are the next owner's. */
  handOver(): void {
    if (this.#unread.length > 0) this.#stream.unshift(this.#unread);
    this.#unread = Buffer.alloc(0);
  }

  #shift(count: number): Buffer {
    const taken = this.#unread.subarray(0, count);
    this.#unread = this.#unread.subarray(count);
    return taken;
  }

  /** Takes what the stream has at hand; whether that was anything. */
  #take(): boolean {
    const pieces: Buffer[] = [];
    for (let piece = this.#stream.read(); piece !== null; piece = this.#stream.read()) pieces.push(piece);
    if (pieces.length === 0) return false;
    this.#unread = Buffer.concat([this.#unread, ...pieces]);
    for (const piece of pieces) this.#left -= piece.length;
    return true;
  }

  /** Waits for more bytes; false if they have not come within so many milliseconds. */
  async #more(milliseconds?: number): Promise<boolean> {
    const early = milliseconds === undefined ? {} : { early: { milliseconds, value: false } };
    const came =
      this.#take() ||
      (await this.#wait<boolean>(early, (settle) => {
        const read = () => {
          try {
            if (this.#take()) settle({ value: true });
          } catch (error) {
            settle(error instanceof Error ? error : new Error(String(error)));
          }
        };
        const left = () => settle(this.#gone());
        this.#stream.on("readable", read).on("end", left);
        if (this.#stream.readableEnded) left();
        return () => this.#stream.off("readable", read).off("end", left);
      }));
    if (this.#left < 0) throw this.#tooMuch();
    return came;
  }

  /** One wait, which ends by itself, at its time, with the stream, or with the session. */
  #wait<Value>(
    { early, late = () => this.#fault("has not answered in time", "timeout") }: WaitOptions<Value>,
    start: (settle: (result: Error | { readonly value: Value }) => void) => () => unknown,
  ): Promise<Value> {
    const { session, endsAt = Number.POSITIVE_INFINITY } = this.#options;
    return new Promise((resolve, reject) => {
      if (session?.aborted) return reject(session.aborted);
      if (this.#stream.destroyed) return reject(this.#gone());
      let stop: () => unknown = () => {};
      let settled = false;
      const settle = (result: Error | { readonly value: Value }) => {
        if (settled) return;
        settled = true;
        clearTimeout(timer);
        if (session) session.interrupt = undefined;
        this.#stream.off("close", left);
        stop();
        if (result instanceof Error) reject(result);
        else resolve(result.value);
      };
      const left = () => settle(this.#gone());
      const rest = endsAt - performance.now();
      const isEarly = early !== undefined && early.milliseconds < rest;
      const wait = isEarly ? early.milliseconds : rest;
      const timer =
        wait === Number.POSITIVE_INFINITY
          ? undefined
          : setTimeout(() => settle(isEarly ? early : late()), Math.max(1, wait));
      if (session) session.interrupt = settle;
      this.#stream.on("close", left);
      stop = start(settle);
      // it may have settled while it was started
      if (settled) stop();
    });
  }

  #gone(): SessionError {
    return this.#fault("left in the middle of the dialogue", "incomplete");
  }

  #tooMuch(): SessionError {
    return this.#fault(`has sent more than ${this.#options.most ?? usual.most} bytes`, "malformed");
  }

  #fault(what: string, label: string): SessionError {
    return new SessionError("bad-preamble", `the ${this.#options.who} ${what}`, { label });
  }
}

function bytesOf(bytes: string | Uint8Array): Buffer {
  return typeof bytes === "string" ? Buffer.from(bytes, "latin1") : Buffer.from(bytes);
}
