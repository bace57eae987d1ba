/** Targets for tests: small servers in this process that do one thing with each connection. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";

export interface TestTarget {
  readonly server: Server;
  readonly port: number;
  /** Connections accepted so far. */
  readonly sockets: readonly Socket[];
  /** Closes the listener and every connection. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Serves each connection with `handle`, over TLS when `tls` is given. */
export async function startTarget(
  handle: (socket: Socket) => void,
  tls?: TlsOptions,
  host = "127.0.0.1",
): Promise<TestTarget> {
  const sockets: Socket[] = [];
  const onSocket = (socket: Socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    handle(socket);
  };
  const server = tls
    ? createTlsServer({ allowHalfOpen: true, ...tls }, onSocket)
    : createServer({ allowHalfOpen: true }, onSocket);
  server.on("tlsClientError", () => {});
  // with TLS those whose handshake failed too: half open, they would outlive their peer
  const accepted = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    accepted.add(socket);
    socket.once("close", () => accepted.delete(socket));
  });
  server.listen(0, host);
  await once(server, "listening");
  const close = async () => {
    for (const socket of [...sockets, ...accepted]) socket.destroy();
    if (!server.listening) return;
    server.close();
    await once(server, "close");
  };
  return {
    server,
    port: (server.address() as AddressInfo).port,
    sockets,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Sends back what it gets, and its end after the client's. */
export function startEcho(tls?: TlsOptions, host?: string): Promise<TestTarget> {
  return startTarget((socket) => socket.pipe(socket), tls, host);
}

/** Says `name` and a newline, then echoes. */
export function startNamed(name: string, tls?: TlsOptions): Promise<TestTarget> {
  return startTarget((socket) => {
    socket.write(`${name}\n`);
    socket.pipe(socket);
  }, tls);
}

/** Answers the first bytes it gets with `name` and a newline, and ends. */
export function startSigned(name: string, tls?: TlsOptions): Promise<TestTarget> {
  return startTarget((socket) => {
    socket.once("data", () => socket.end(`here is ${name}\n`));
    socket.once("end", () => socket.end());
  }, tls);
}

/** Sends back the first bytes it gets, and ends: for clients that leave only when the other side does. */
export function startOnce(tls?: TlsOptions): Promise<TestTarget> {
  return startTarget((socket) => {
    socket.once("data", (bytes) => socket.end(bytes));
    // a client that says nothing and leaves
    socket.once("end", () => socket.end());
  }, tls);
}
