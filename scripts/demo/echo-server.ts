import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";
import { type Address, formatAddress } from "../../src/core/address.ts";
import { describeSocketError } from "../../src/net/socket-error.ts";

export interface EchoOptions {
  /** What it calls itself in every answer. */
  readonly name: string;
  readonly address: Address;
  /** With it the server speaks TLS. */
  readonly tls?: TlsOptions;
}

export interface EchoServer {
  /** Ends the listener and every connection. */
  close(): void;
}

/** A longer line ends the connection: nobody types that much. */
const longestLine = 64 * 1024;

/**
 * A target for the demonstration: answers each line with its name and the line, and an HTTP GET with its name.
 *
 * @throws Error naming the address that cannot be listened on
 */
export async function startEchoServer({ name, address, tls }: EchoOptions): Promise<EchoServer> {
  const sockets = new Set<Socket>();
  const onSocket = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
    answer(socket, name);
  };
  const server = tls ? createTlsServer(tls, onSocket) : createServer(onSocket);
  await listening(server, address);
  return {
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function listening(server: Server, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const message = `cannot listen on ${formatAddress(address)}: ${describeSocketError(cause)}`;
      reject(new Error(message, { cause }));
    });
    server.listen(address.kind === "unix" ? { path: address.path } : address, resolve);
  });
}

/** Answers line by line; lines that begin like an HTTP request are taken as one, up to the empty line that ends its head. */
function answer(socket: Socket, name: string): void {
  let rest = "";
  let http = false;
  socket.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines.map((one) => one.replace(/\r$/, ""))) {
      http ||= /^(GET|HEAD) \S+ HTTP\/1\.[01]$/.test(line);
      if (!http) socket.write(`${name}: ${line}\n`);
      else if (line === "") socket.end(httpResponse(name));
    }
    if (rest.length > longestLine) socket.destroy();
  });
}

function httpResponse(name: string): string {
  const body = `hello from ${name}\n`;
  return `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
}
