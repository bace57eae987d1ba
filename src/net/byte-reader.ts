import type { Duplex } from "node:stream";
import { reasonOf, SessionError } from "../core/outcome.ts";
import type { Parsed } from "../core/parsed.ts";
import type { Session } from "../core/session.ts";

export interface ReadOptions<Value> {
  /** What is read, in words for messages: `PROXY header`. */
  readonly what: string;
  readonly parse: (bytes: Buffer) => Parsed<Value>;
  /** Bytes at most, should the parser ask for ever more. */
  readonly limit: number;
  /** `performance.now()` at which the reading ends, whatever has come by then. */
  readonly endsAt: number;
}

/**
 * Reads from a stream that does not flow until the parser has its value. What came after the value is put back, and
 * nothing of ours stays on the stream.
 *
 * @throws SessionError `bad-preamble`, or why the session was aborted; the stream is the caller's to end
 */
export function readParsed<Value>(
  session: Session,
  stream: Duplex,
  options: ReadOptions<Value>,
): Promise<Value> {
  return new Promise((resolve, reject) => {
    const reading = new Reading(session, stream, options);
    reading.start((result) => (result instanceof SessionError ? reject(result) : resolve(result.value)));
  });
}

class Reading<Value> {
  readonly #session: Session;
  readonly #stream: Duplex;
  readonly #options: ReadOptions<Value>;
  #settled: (result: SessionError | { readonly value: Value }) => void = () => {};
  #timer: NodeJS.Timeout | undefined;
  #pieces: Buffer[] = [];
  #length = 0;
  /** The parser wants to see this many bytes before it is asked again. */
  #wanted = 1;

  constructor(session: Session, stream: Duplex, options: ReadOptions<Value>) {
    this.#session = session;
    this.#stream = stream;
    this.#options = options;
  }

  start(settled: (result: SessionError | { readonly value: Value }) => void): void {
    this.#settled = settled;
    if (this.#session.aborted) {
      settled(this.#session.aborted);
      return;
    }
    const { what, endsAt } = this.#options;
    this.#timer = setTimeout(
      () => this.#fail(`the ${what} has not come in time`, "timeout"),
      Math.max(1, endsAt - performance.now()),
    );
    this.#session.interrupt = (reason) => this.#end(reason);
    this.#stream.on("readable", this.#read).on("end", this.#left).on("close", this.#left);
    // a stream that has ended before tells nobody again
    if (this.#stream.readableEnded || this.#stream.destroyed) this.#left();
  }

  readonly #read = (): void => {
    try {
      this.#take();
    } catch (error) {
      // thrown in a callback of the stream's, it would end the process
      const { what } = this.#options;
      this.#end(new SessionError("internal-error", `${what}: ${reasonOf(error)}`, { cause: error }));
    }
  };

  #take(): void {
    for (let piece = this.#stream.read(); piece !== null; piece = this.#stream.read()) {
      this.#pieces.push(piece);
      this.#length += piece.length;
    }
    if (this.#length >= this.#wanted) this.#parse();
  }

  readonly #left = (): void => {
    const { what } = this.#options;
    const end = this.#length === 0 ? `without sending a ${what}` : `in the middle of the ${what}`;
    this.#fail(`the peer left ${end}`, "incomplete");
  };

  #parse(): void {
    const bytes =
      this.#pieces.length === 1 && this.#pieces[0] ? this.#pieces[0] : Buffer.concat(this.#pieces);
    this.#pieces = [bytes];
    const { what, parse, limit } = this.#options;
    const parsed = parse(bytes);
    switch (parsed.kind) {
      case "value":
        this.#end({ value: parsed.value });
        if (bytes.length > parsed.length) this.#stream.unshift(bytes.subarray(parsed.length));
        break;
      case "bad":
        this.#fail(`${what}: ${parsed.reason}`, "malformed");
        break;
      case "more":
        this.#wanted = parsed.atLeast;
        if (this.#wanted > limit) this.#fail(`${what}: longer than ${limit} bytes`, "malformed");
    }
  }

  #fail(reason: string, label: string): void {
    this.#end(new SessionError("bad-preamble", reason, { label }));
  }

  #end(result: SessionError | { readonly value: Value }): void {
    clearTimeout(this.#timer);
    this.#session.interrupt = undefined;
    this.#stream.off("readable", this.#read).off("end", this.#left).off("close", this.#left);
    this.#settled(result);
  }
}
