import type { Server, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { transportOf } from "./transport.ts";

/** Milliseconds without a byte after which the kernel asks whether the peer is still there (ten times, 1 s apart). */
const keepAliveDelay = 30_000;

/** What we use of Node's handle of a listening socket, which is not documented. */
interface ListeningHandle {
  setNoDelay?(on: boolean): number;
  setKeepAlive?(on: boolean, seconds: number): number;
}

/** Has the socket send small writes at once, and notice a peer that is gone without a word. */
export function setOptions(socket: Socket): void {
  socket.setNoDelay(true);
  keepAlive(socket);
}

/** Has the socket at the bottom of `stream` notice a peer that is gone without a word. */
export function keepAlive(stream: Duplex): void {
  transportOf(stream)?.setKeepAlive(true, keepAliveDelay);
}

/**
 * Sets no-delay and keep-alive on a socket that listens, before it accepts. On Linux what it accepts has both from then on,
 * five system calls less for each connection; returns whether that is so. Elsewhere, and with unix sockets, which have no
 * such options, each connection is to be given them.
 */
export function presetOptions(server: Server): boolean {
  const handle = (server as { _handle?: ListeningHandle | null })._handle;
  if (process.platform !== "linux") return false;
  if (typeof handle?.setNoDelay !== "function" || typeof handle.setKeepAlive !== "function") return false;
  return handle.setNoDelay(true) === 0 && handle.setKeepAlive(true, keepAliveDelay / 1000) === 0;
}
