import { Socket } from "node:net";
import type { Duplex } from "node:stream";

/*
 * A wrapper stream such as TLS hides the socket below it, and some things can only be done there: a TLSSocket's
 * resetAndDestroy() throws, and what the kernel has not taken yet shows on the lower handle alone.
 */
const transport = Symbol("transport");

type Wrapped = Duplex & { [transport]?: Socket };

/** Records that `stream` runs over `socket`; returns `stream`. */
export function carriedBy<Stream extends Duplex>(stream: Stream, socket: Socket): Stream {
  (stream as Wrapped)[transport] = socket;
  return stream;
}

/** The socket at the bottom of `stream`; undefined for a stream that is not a socket. */
export function transportOf(stream: Duplex): Socket | undefined {
  const socket = (stream as Wrapped)[transport];
  if (socket) return socket;
  return stream instanceof Socket ? stream : undefined;
}

/**
 * Ends `stream` so that the peer sees an error and not a clean end: an RST on TCP, a plain close on a unix socket,
 * which has no such thing. What is buffered is lost. Does nothing on a stream that is destroyed already.
 */
export function reset(stream: Duplex): void {
  const socket = transportOf(stream);
  // a pipe's resetAndDestroy() throws ERR_INVALID_HANDLE_TYPE (node#49484); it has no remote address
  const cannot = !socket || socket.destroyed || socket.remoteAddress === undefined;
  if (cannot || isEnding(stream)) destroyBoth(stream, socket);
  else socket.resetAndDestroy();
}

/**
 * Whether all bytes are with the kernel and our end is on its way there. A reset fails then (uv_tcp_close_reset: EINVAL),
 * and Node loses the handle without closing it.
 */
function isEnding(stream: Duplex): boolean {
  return stream.writableEnded && !stream.writableFinished && stream.writableLength === 0;
}

/** Node 24 has OpenSSL end a TLS session twice; what has come and is not decrypted then, OpenSSL takes for a fault. */
const endsTwice = Number.parseInt(process.versions.node, 10) < 26;

/**
 * Ends our side of `stream` once everything is written. In the turn in which a handshake ends, the peer's first bytes may
 * lie behind it: where they would be lost, the end waits until they are read.
 */
export function endWriting(stream: Duplex): void {
  if (endsTwice && "encrypted" in stream) setImmediate(() => stream.end());
  else stream.end();
}

/** Ends `stream` and the socket below it at once. */
export function destroyBoth(stream: Duplex, socket = transportOf(stream)): void {
  // a wrapper follows when the socket below it closes; destroyed after it, in the turn in which its handshake ended, it
  // takes the process along (SIGSEGV in Node 20 and 26.10)
  if (socket?.destroyed) return;
  stream.destroy();
  if (socket !== stream) socket?.destroy();
}

/** Bytes given to the kernel's side that it has not taken yet: moves even inside one large write. */
export function queuedBytes(stream: Duplex): number {
  const handle = (transportOf(stream) as { _handle?: { writeQueueSize?: number } | null } | undefined)
    ?._handle;
  return handle?.writeQueueSize ?? 0;
}
