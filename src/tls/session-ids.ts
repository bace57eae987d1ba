import type { Server } from "node:tls";
import { DerError, DerReader, derSmallInteger, derTags, readDer } from "../core/der.ts";

/** A session has the client's certificate in it; a larger one is not worth its place. */
const largestSession = 16 * 1024;
/** As it stands in the encoded session. */
const tls12 = 0x0303;

export interface SessionIdOptions {
  /** Kept at one time; the one stored longest ago goes first. */
  readonly entries: number;
  /** Milliseconds. */
  readonly lifetime: number;
}

/**
 * Sessions of TLS 1.2 that clients without tickets can resume by their id (RFC 5246, F.1.4). It belongs to one
 * `tls.Server` and so to one set of rules; OpenSSL compares the session's context besides.
 */
export class SessionIds {
  readonly #sessions = new Map<string, { readonly session: Buffer; readonly until: number }>();
  readonly #options: SessionIdOptions;

  constructor(options: SessionIdOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  set(id: Buffer, session: Buffer, now = Date.now()): void {
    if (session.length > largestSession || !isTls12(session)) return;
    this.#sessions.set(id.toString("latin1"), { session, until: now + this.#options.lifetime });
    if (this.#sessions.size <= this.#options.entries) return;
    for (const oldest of this.#sessions.keys()) {
      this.#sessions.delete(oldest);
      return;
    }
  }

  get(id: Buffer, now = Date.now()): Buffer | undefined {
    const key = id.toString("latin1");
    const known = this.#sessions.get(key);
    if (known && known.until > now) return known.session;
    this.#sessions.delete(key);
    return undefined;
  }

  /** Lets the server's clients resume by id. */
  serve(server: Server): void {
    server.on("newSession", (id, session, done) => {
      this.set(id, session);
      done();
    });
    // null for a full handshake: Node's types do not say so
    server.on("resumeSession", (id, done) => done(null, this.get(id) ?? (null as unknown as Buffer)));
  }
}

/** TLS 1.3 resumes by tickets only, but its sessions are told here too. SSL_SESSION is a SEQUENCE of two numbers and more. */
function isTls12(session: Buffer): boolean {
  try {
    const fields = new DerReader(readDer(session, derTags.sequence).contents);
    fields.next(derTags.integer);
    return derSmallInteger(fields.next(derTags.integer)) === tls12;
  } catch (error) {
    if (error instanceof DerError) return false;
    throw error;
  }
}
