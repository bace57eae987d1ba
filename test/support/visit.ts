/** A client that says something, ends, and reads until the connection is over: what most tests need of one. */
import { type NetConnectOpts, connect as netConnect, type Socket } from "node:net";
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from "node:tls";
import { type Address, formatAddress } from "../../src/core/address.ts";
import type { Instance, LogLine, SessionLine } from "./instance.ts";
import { patience } from "./patience.ts";

export interface VisitOptions {
  readonly say?: string | Buffer;
  /** Speaks TLS; certificates are not checked unless `ca` is given. */
  readonly tls?: ConnectionOptions;
}

/** What came of it. */
export interface Visit {
  /** The client's address as the program's log has it; undefined when it never connected, and on a unix socket. */
  readonly from: string | undefined;
  /** The port that it was connected to: a client's port may be in use towards several of them. */
  readonly to: number | undefined;
  readonly text: string;
  /** The code of the error, or its message; undefined after a clean end. */
  readonly error: string | undefined;
  /** Of the handshake; undefined when it failed, and without TLS. */
  readonly tls: VisitTls | undefined;
}

export interface VisitTls {
  readonly version: string | null;
  readonly cipher: string;
  /** The key exchange group, as Node names it. */
  readonly group: string | undefined;
  readonly alpn: string | false | null;
  readonly reused: boolean;
  /** The last session that the server has given. */
  readonly session: Buffer | undefined;
}

/** Connects, says `say`, ends, and resolves when the connection is closed. Never rejects for what the peer does. */
export function visit(to: Address | number, { say = "hello", tls }: VisitOptions = {}): Promise<Visit> {
  return new Promise((resolve, reject) => {
    const where = connectOptions(to);
    const socket = tls
      ? tlsConnect({ ...where, rejectUnauthorized: tls.ca !== undefined, ...tls })
      : netConnect(where);
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`the visit to ${JSON.stringify(to)} did not end`));
    }, patience);
    let error: string | undefined;
    let session: Buffer | undefined;
    let facts: VisitTls | undefined;
    let ends: Ends = { from: undefined, to: undefined };
    const received: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => received.push(chunk));
    socket.on("session", (given: Buffer) => {
      session = given;
    });
    socket.on("error", (cause: Error & { code?: string }) => {
      error ??= cause.code ?? cause.message;
    });
    socket.once("connect", () => {
      ends = endsOf(socket);
    });
    socket.once(tls ? "secureConnect" : "connect", () => {
      if (tls) facts = handshakeFacts(socket as TLSSocket);
      socket.end(say);
    });
    socket.once("close", () => {
      clearTimeout(timer);
      const text = Buffer.concat(received).toString("latin1");
      resolve({ ...ends, text, error, tls: facts && { ...facts, session } });
    });
  });
}

/** What tells a TCP connection from others to the same program. */
export type Ends = Pick<Visit, "from" | "to">;

export function endsOf({ localAddress: host, localPort = 0, remotePort: to }: Socket): Ends {
  return { from: host === undefined ? undefined : formatAddress({ kind: "tcp", host, port: localPort }), to };
}

/** Lines that were given for a session already: after a reset, a client's port may be in use again at once. */
const taken = new WeakSet<LogLine>();

/** The line that the program has written, or will write, about the session of this visit; once for each. */
export async function sessionOf(program: Instance, { from, to }: Ends): Promise<SessionLine> {
  const isIts = (line: LogLine) =>
    line.event === "session" && line["client"] === from && String(line["local"]).endsWith(`:${to}`);
  const take = (line: LogLine) => isIts(line) && !taken.has(line) && taken.add(line) !== undefined;
  return (await program.line(take, `the session of ${from}`)) as SessionLine;
}

/** How to reach an address that the program says it listens on. */
export function connectOptions(to: Address | number): NetConnectOpts & { allowHalfOpen: true } {
  if (typeof to === "number") return { host: "127.0.0.1", port: to, allowHalfOpen: true };
  if (to.kind === "unix") return { path: to.path, allowHalfOpen: true };
  return { host: to.host, port: to.port, allowHalfOpen: true };
}

function handshakeFacts(socket: TLSSocket): VisitTls {
  return {
    version: socket.getProtocol(),
    cipher: socket.getCipher().standardName,
    group: (socket.getEphemeralKeyInfo() as { name?: string } | null)?.name,
    alpn: socket.alpnProtocol,
    reused: socket.isSessionReused(),
    session: undefined,
  };
}

/** How a connection ends that nobody reads from meanwhile: `eof`, or the code of the error. */
export function endOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once("end", () => resolve("eof"));
    socket.once("error", (error: Error & { code?: string }) => resolve(error.code ?? error.message));
    socket.once("close", () => resolve("closed"));
    socket.resume();
  });
}

/** A connection that the test goes on to use. Its errors are heard, so that a reset does not end the test. */
export function openClient(to: Address | number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = netConnect(connectOptions(to));
    socket.on("error", reject);
    socket.once("connect", () => resolve(socket));
  });
}
