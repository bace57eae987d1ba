import { access, chmod } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { type Address, formatAddress } from "../core/address.ts";
import { acceptInBulk } from "./bulk-socket.ts";
import type { ServerHandle } from "./server-handle.ts";
import { describeSocketError, errorCode } from "./socket-error.ts";
import { presetOptions, setOptions } from "./socket-options.ts";
import { recoverStaleSocket } from "./stale-socket.ts";

/** Who gets the connections that a listener accepts. */
export interface Acceptor {
  /** Whether the next connection is to be read in bulk. */
  readonly bulk?: (() => boolean) | undefined;
  /** Called for each accepted connection, which is the callee's to close; it has not begun to read. */
  readonly onConnection: (socket: Socket, local: Address) => void;
}

/** A socket that listens. */
export interface Listener {
  /** Where it listens; port 0 shows the port that was given. */
  readonly address: Address;
  /** Gives the connections to another acceptor from now on. */
  handTo(acceptor: Acceptor): void;
  /** Gives a unix socket other permission bits; nothing for others. */
  setMode(unixMode: number): void;
  /** Stops accepting at once; connections that were accepted go on. Idempotent. */
  close(): void;
  /** Connections so far. */
  readonly accepted: number;
}

/**
 * Makes `server` listen on the address; rejects with the system's error. A process that is given its sockets by another
 * one brings its own.
 */
export type Bind = (server: Server, address: Address, options: BindOptions) => Promise<void>;

export interface BindOptions {
  /** Permission bits of a unix socket. */
  readonly unixMode: number;
  /** The place of the configuration that asks: port 0 is the same port for one place, whichever process asks. */
  readonly scope?: string | undefined;
}

export interface ListenOptions extends Acceptor, BindOptions {
  /** Default: this process binds. */
  readonly bind?: Bind | undefined;
}

/** The address cannot be listened on; the message names it and says why. */
export class ListenError extends Error {
  readonly code: string | undefined;

  constructor(message: string, options: ErrorOptions & { readonly code: string | undefined }) {
    super(message, options);
    this.name = "ListenError";
    this.code = options.code;
  }
}

function listenError(address: Address, cause: unknown, advice = ""): ListenError {
  const message = `cannot listen on ${formatAddress(address)}: ${describeSocketError(cause)}${advice}`;
  return new ListenError(message, { cause, code: errorCode(cause) });
}

/** More than the kernel's usual limit (net.core.somaxconn), which then decides. */
const backlog = 4096;

/**
 * Listens on `address`.
 *
 * @throws ListenError
 */
export async function listen(address: Address, options: ListenOptions): Promise<Listener> {
  try {
    return await open(address, options);
  } catch (error) {
    if (address.kind !== "unix" || errorCode(error) !== "EADDRINUSE")
      throw listenError(address, await realCause(address, error));
    const advice = await recoverStaleSocket(address.path);
    if (advice !== undefined) throw listenError(address, error, advice);
    return open(address, options).catch((again: unknown) => {
      throw listenError(address, again);
    });
  }
}

/** libuv calls a missing folder EACCES (uv_pipe_bind), which sends the reader after permissions. */
async function realCause(address: Address, error: unknown): Promise<unknown> {
  if (address.kind !== "unix" || errorCode(error) !== "EACCES") return error;
  return access(dirname(address.path)).then(
    () => error,
    (missing: unknown) => missing,
  );
}

async function open(
  address: Address,
  { unixMode, scope, bind = bindHere, ...first }: ListenOptions,
): Promise<Listener> {
  let acceptor: Acceptor = first;
  let accepted = 0;
  const onSocket = (socket: Socket) => {
    accepted++;
    if (!preset) setOptions(socket);
    acceptor.onConnection(socket, bound);
  };
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, onSocket);
  let bound = address;
  let preset = false;
  await bind(server, address, { unixMode, scope });
  preset = presetOptions(server);
  acceptInBulk(server, { wanted: () => acceptor.bulk?.() ?? false, onSocket });
  // accept errors such as EMFILE must not end the process
  server.on("error", () => {});
  bound = boundAddress(server, address);
  let closed = false;
  return {
    address: bound,
    get accepted() {
      return accepted;
    },
    handTo: (next) => {
      acceptor = next;
    },
    setMode: (mode) => {
      // of somebody else's socket at this path, if ours is gone, they are not ours to give
      if (address.kind === "unix") chmod(address.path, mode).catch(() => {});
    },
    close: () => {
      if (closed) return;
      closed = true;
      server.close();
    },
  };
}

/** Calls `ended` once the server listens no more; its own event waits for its connections, too. */
export function onListenEnd(server: Server, ended: () => void): void {
  const close = server.close;
  server.close = (callback) => {
    server.close = close;
    server.close(callback);
    ended();
    return server;
  };
}

/** This process binds. */
export const bindHere: Bind = (server, address, { unixMode }) =>
  address.kind === "unix"
    ? listenUnix(server, address.path, unixMode)
    : listening(server, () => server.listen({ host: address.host, port: address.port, backlog }));

/** Has the server listen on a socket that was bound before. */
export function listenOn(server: Server, handle: ServerHandle | { readonly fd: number }): Promise<void> {
  return listening(server, () => server.listen(handle, backlog));
}

async function listenUnix(server: Server, path: string, mode: number): Promise<void> {
  // the socket must never be open to others, not even between bind and chmod
  const umask = process.umask(0o177);
  try {
    const done = listening(server, () => server.listen({ path, backlog }));
    process.umask(umask);
    await done;
  } finally {
    process.umask(umask);
  }
  await chmod(path, mode);
}

function listening(server: Server, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.off("error", reject);
      resolve();
    });
    start();
  });
}

function boundAddress(server: Server, wanted: Address): Address {
  const bound = server.address();
  if (wanted.kind === "unix" || bound === null || typeof bound === "string") return wanted;
  return { kind: "tcp", host: wanted.host, port: bound.port };
}
