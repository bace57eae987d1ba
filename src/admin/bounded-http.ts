import { createServer, type RequestListener } from "node:http";
import type { Duplex } from "node:stream";

/** Connections at one time, unless said otherwise: people and dashboards, not clients. */
const mostConnections = 64;
/** Milliseconds for a request to arrive whole, and between two requests of one connection. */
const patience = 5000;
/** Milliseconds in which a reader must have taken something of an answer. */
const longestStall = 60_000;
const largestHead = 16 * 1024;

/** Serves HTTP on connections that somebody else has accepted. */
export interface BoundedHttp {
  /** Takes the connection over; while there are too many, an idle one makes room, or it is closed itself. */
  serve(socket: Duplex): void;
  /** Ends every connection. Idempotent. */
  close(): void;
}

/** An HTTP server that no number of slow or greedy clients can make large. */
export function boundedHttp(
  listener: RequestListener,
  { connections = mostConnections }: { readonly connections?: number } = {},
): BoundedHttp {
  const server = createServer(
    {
      requestTimeout: patience,
      headersTimeout: patience,
      keepAliveTimeout: patience,
      connectionsCheckingInterval: 1000,
      maxHeaderSize: largestHead,
    },
    listener,
  );
  server.timeout = longestStall;
  // a server that does not listen watches its timeouts only from this event on
  server.emit("listening");
  /** With the number of requests under way; the connection that was idle first comes first. */
  const open = new Map<Duplex, number>();
  server.on("request", (request, response) => {
    const { socket } = request;
    if (!open.has(socket)) return;
    open.set(socket, (open.get(socket) ?? 0) + 1);
    response.once("close", () => {
      const left = (open.get(socket) ?? 1) - 1;
      if (!open.delete(socket)) return;
      open.set(socket, left);
    });
  });
  return {
    serve: (socket) => {
      socket.on("error", () => {});
      if (open.size >= connections && !dropIdle(open)) return void socket.destroy();
      open.set(socket, 0);
      socket.once("close", () => open.delete(socket));
      server.emit("connection", socket);
      // it was accepted paused
      socket.resume();
    },
    close: () => {
      server.close();
      for (const socket of open.keys()) socket.destroy();
    },
  };
}

/** Somebody who takes his time to ask must not keep others from asking. */
function dropIdle(open: Map<Duplex, number>): boolean {
  for (const [socket, requests] of open)
    if (requests === 0) {
      open.delete(socket);
      socket.destroy();
      return true;
    }
  return false;
}
