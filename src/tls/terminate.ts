import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createServer, type Server, type TLSSocket, type TlsOptions } from "node:tls";
import type { Events } from "../core/events.ts";
import { reasonOf, SessionError } from "../core/outcome.ts";
import type { Session } from "../core/session.ts";
import type { Stage } from "../core/stage.ts";
import { formatDuration } from "../core/units.ts";
import { errorCode } from "../net/socket-error.ts";
import { carriedBy, reset } from "../net/transport.ts";
import { type Access, admits, type Peer, type Refusal } from "./access.ts";
import { keyLogTo } from "./key-log.ts";
import { peerOf, tlsFacts } from "./peer.ts";
import { explainPskFailure } from "./psk.ts";
import { describeTlsError, tlsLabel } from "./reasons.ts";
import { type SessionIdOptions, SessionIds } from "./session-ids.ts";
import { rotateTicketKeys, type TicketScope, ticketKeys } from "./tickets.ts";

export interface TerminateOptions {
  /** What `tls.createServer` gets, complete. */
  readonly server: TlsOptions;
  readonly tickets: TicketScope;
  readonly sessionIds: SessionIdOptions;
  readonly access: Access;
  /** Whether the route has somewhere else for clients that are not let in, which then get a session that is marked. */
  readonly redirect?: boolean | undefined;
  /** The OCSP answer about our certificate, at hand; undefined where none is ever stapled. */
  readonly staple?: (() => Buffer | undefined) | undefined;
  /** A file that gets the keys of every session. */
  readonly keyLog?: string | undefined;
  readonly events: Events;
  /** Milliseconds for the whole handshake, and for the verdict on the client; a peer that dribbles gets no more. */
  readonly timeout: number;
}

/** A stage that ends TLS as the server. */
export interface Termination {
  readonly stage: Stage;
  /** Releases the timer that rotates the ticket keys. Handshakes under way go on. */
  close(): void;
}

/** The wait for one handshake, kept on the socket below it. */
interface Handshake {
  readonly resolve: (stream: TLSSocket) => void;
  readonly reject: (why: () => SessionError) => void;
}

/** Node takes null for none, which its types do not know. */
const noStaple = null as unknown as Buffer;

const handshake = Symbol("handshake");
type Handshaking = Socket & { [handshake]?: Handshake | undefined };

/**
 * Ends TLS on each stream through one `tls.Server` that does not listen: one for each set of rules, since a session
 * resumed under one set must never be taken under another.
 */
export function terminate(options: TerminateOptions): Termination {
  const server = createServer({ ...options.server, ticketKeys: ticketKeys(options.tickets) });
  const stopRotation = rotateTicketKeys(options.tickets, (keys) => server.setTicketKeys(keys));
  if (options.sessionIds.entries > 0) new SessionIds(options.sessionIds).serve(server);
  if (options.keyLog !== undefined) server.on("keylog", keyLogTo(options.keyLog));
  const { staple } = options;
  // nobody waits for the network here: a callback that is not called hangs the handshake
  if (staple) server.on("OCSPRequest", (_certificate, _issuer, done) => done(null, staple() ?? noStaple));
  server.on("secureConnection", (stream) => takeHandshake(stream)?.resolve(stream));
  server.on("tlsClientError", (error, stream) => {
    const raw = rawSocket(stream);
    takeHandshake(stream)?.reject(() => {
      const reason = failure(error, stream, raw);
      return new SessionError("handshake-failed", reason, { cause: error, label: tlsLabel(error) });
    });
    // TLS alerts that are queued still go out
    stream.destroySoon();
  });
  return {
    stage: async (session, stream) => {
      const started = performance.now();
      const secure = await negotiate(server, stream as Socket, { session, timeout: options.timeout });
      session.ms.tls = performance.now() - started;
      await admit(session, secure, { ...options, deadline: started + options.timeout });
      options.events.emit("tls.established", { session });
      return secure;
    },
    close: stopRotation,
  };
}

function negotiate(
  server: Server,
  raw: Handshaking,
  { session, timeout }: { session: Session; timeout: number },
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      clearTimeout(timer);
      raw[handshake] = undefined;
      session.interrupt = undefined;
    };
    const fail = (error: SessionError) => {
      settle();
      reject(error);
    };
    const timer = setTimeout(() => {
      fail(
        new SessionError("handshake-failed", `no TLS handshake within ${formatDuration(timeout)}`, {
          label: "timeout",
        }),
      );
    }, timeout);
    session.interrupt = fail;
    // called in callbacks of the server's: what they throw is the session's failure, and not the end of the process
    const attempt = (run: () => void) => {
      settle();
      try {
        run();
      } catch (error) {
        reject(error);
      }
    };
    raw[handshake] = {
      resolve: (stream) =>
        attempt(() => {
          stream.allowHalfOpen = true;
          resolve(carriedBy(stream, raw));
        }),
      reject: (why) => attempt(() => reject(why())),
    };
    // a peer that ends before the handshake is done has left; only after it may one side end alone
    raw.allowHalfOpen = false;
    if (session.aborted) fail(session.aborted);
    else server.emit("connection", raw);
  });
}

/**
 * Judges the client here and not in OpenSSL: a refusal there tells neither side the reason. Nothing of what the client
 * sends is read before the verdict.
 */
async function admit(
  session: Session,
  stream: TLSSocket,
  {
    access,
    redirect,
    deadline,
  }: Pick<TerminateOptions, "access" | "redirect"> & { readonly deadline: number },
): Promise<void> {
  session.tls = tlsFacts(stream);
  // with TLS 1.2, `servername` is false on a resumed session
  const { servername } = stream;
  if (!session.opening && typeof servername === "string" && servername !== "")
    session.serverName = servername;
  if (typeof stream.alpnProtocol === "string") session.alpn = stream.alpnProtocol;
  if (access.verify === "none" && access.checks.length === 0 && !access.psk) return;
  const peer = peerOf(stream, { session, trusts: access.trusts });
  if (peer.identity) session.peer = peer.identity;
  if (peer.psk !== undefined) session.psk = peer.psk;
  // a client that leaves meanwhile is noticed only if its socket is being read
  if (access.checks.length > 0) stream.read(0);
  const refusal = await verdict(peer, { access, deadline });
  if (!refusal) {
    const isVerified = access.verify !== "none" && peer.verification.result === "verified";
    if (peer.identity && isVerified) session.peer = { ...peer.identity, verified: true };
    return;
  }
  const { reason, label, cause } = refusal;
  if (redirect) {
    session.redirected = { reason, label };
    return;
  }
  reset(stream);
  throw new SessionError("handshake-failed", reason, { label, cause });
}

/** A verdict that cannot be had in time, or at all, is against the client. */
function verdict(
  peer: Peer,
  { access, deadline }: { readonly access: Access; readonly deadline: number },
): Promise<(Refusal & { readonly cause?: unknown }) | undefined> {
  const { session } = peer;
  const controller = new AbortController();
  return new Promise<(Refusal & { readonly cause?: unknown }) | undefined>((resolve, reject) => {
    const timer = setTimeout(() => {
      resolve({ reason: "the verdict on the client did not come in time", label: "timeout" });
    }, deadline - performance.now());
    controller.signal.addEventListener("abort", () => clearTimeout(timer));
    session.interrupt = reject;
    if (session.aborted) reject(session.aborted);
    admits(peer, access, controller.signal).then(resolve, (cause) => {
      resolve({ reason: `the client could not be judged: ${reasonOf(cause)}`, label: "check-failed", cause });
    });
  }).finally(() => {
    session.interrupt = undefined;
    controller.abort();
  });
}

/** The socket that the server's listeners get was made by the server; only `_parent` leads back to ours. */
function rawSocket(stream: TLSSocket): Handshaking | undefined {
  return (stream as TLSSocket & { _parent?: Handshaking })._parent;
}

function takeHandshake(stream: Duplex): Handshake | undefined {
  const pending = rawSocket(stream as TLSSocket)?.[handshake];
  // nobody waits for it any more (or Node has changed): it must not stay open unowned
  if (!pending) stream.destroy();
  return pending;
}

function failure(error: Error, stream: TLSSocket, raw: Socket | undefined): string {
  const psk = explainPskFailure(stream, errorCode(error));
  if (psk !== undefined) return psk;
  const hungUp = errorCode(error) === "ECONNRESET";
  if (hungUp && raw && raw.bytesRead === 0) return "the client left without sending anything";
  return describeTlsError(error);
}
