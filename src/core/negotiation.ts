import type { Parsed } from "./parsed.ts";
import type { Session } from "./session.ts";

/**
 * The other end of a dialogue that comes before TLS, or before the payload. Every read is bounded in length and in time,
 * and throws `SessionError` `bad-preamble` when the peer leaves, dribbles or sends too much.
 */
export interface LinePeer {
  /** The next line without its end, one character for each byte. */
  readLine(): Promise<string>;
  /** Exactly so many bytes. */
  read(count: number): Promise<Buffer>;
  /** What a parser makes of the next bytes; what comes after its value stays. */
  parse<Value>(parse: (bytes: Buffer) => Parsed<Value>): Promise<Value>;
  /** The next byte, which stays; undefined if none comes within so many milliseconds. */
  peek(milliseconds?: number): Promise<number | undefined>;
  /** Waits for something else than the peer, in its time, and as long as it is there. `what`, in words, is what takes long. */
  during<Value>(work: Promise<Value>, what: string): Promise<Value>;
  /** Resolves when the kernel has the bytes. A string is one byte for each character. */
  write(bytes: string | Uint8Array): Promise<void>;
  /** Puts bytes back in front of what comes next. */
  unread(bytes: string | Uint8Array): void;
  /** The last word to a peer that is not let on: sent for certain, then our side ends. */
  dismiss(bytes: string | Uint8Array): Promise<void>;
}

/** What is still to do once the session has its target, before payload is relayed. */
export interface Introduction {
  /** Called once when a target is connected. */
  connected?(target: LinePeer, client: LinePeer): Promise<void>;
  /** Called once when none could be. */
  failed?(client: LinePeer, error: unknown): Promise<void>;
}

/** What a dialogue has come to. */
export interface Agreement {
  /** The last plain bytes. They are sent only if the peer has sent nothing beyond what was read. */
  readonly last?: string | Uint8Array;
  /** The peer has begun TLS without a dialogue; its first bytes are still there. */
  readonly isTls?: boolean;
  /** As the client: goes to our client before anything else that the target says. */
  readonly head?: string | Uint8Array;
  /** As the server. */
  readonly introduction?: Introduction;
}

/**
 * One role in a dialogue that comes before the payload. One instance per tunnel; serves several sessions at a time. It
 * never closes the stream, and throws `SessionError` when the two do not come to terms.
 */
export interface Negotiation {
  /** What it is called in messages. */
  readonly name: string;
  /** Before TLS, which begins when it is done (`tls`: whether there is any); or inside TLS, or without any. */
  readonly place: "before-tls" | "inside-tls";
  negotiate(peer: LinePeer, session: Session, surroundings: { readonly tls: boolean }): Promise<Agreement>;
}
