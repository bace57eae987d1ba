/** The two ends of a tunnel, in this process, with a hand on the socket below TLS. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { createSecureContext, TLSSocket, connect as tlsConnect } from "node:tls";
import type { Address } from "../../src/core/address.ts";

/** How a peer says that it has sent everything. TLS knows all of them, plain TCP only `FIN`. */
export type HalfClose = "FIN" | "close_notify + FIN" | "close_notify";

/** One end of a connection. */
export interface Peer {
  /** What the application sees: the socket itself, or the TLS stream over it. */
  readonly stream: Duplex;
  /** The TCP or unix socket. */
  readonly socket: Socket;
  /** Ends the sending side. All but the usual way need a peer that was made `adjustable`. */
  halfClose(how?: HalfClose): void;
  /** Sends an RST. */
  reset(): void;
}

export interface PeerOptions {
  /** TLS, with what a server proves its name by or a client checks it against. */
  readonly tls?: { readonly cert: string; readonly key: string } | { readonly ca: string } | undefined;
  /** Run TLS over a stream of ours, so that close_notify and FIN can be sent one without the other. */
  readonly adjustable?: boolean;
  /** Do not read before told to. */
  readonly pauseOnConnect?: boolean;
}

/** Connects as a client; resolves once the handshake is done. */
export async function connectPeer(address: Address, options: PeerOptions = {}): Promise<Peer> {
  const where = address.kind === "unix" ? { path: address.path } : { host: address.host, port: address.port };
  const socket = connect({ ...where, allowHalfOpen: true, noDelay: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  if (!options.tls) return plainPeer(socket);
  const carrier = options.adjustable ? adjustable(socket) : socket;
  const stream = tlsConnect({ ...options.tls, socket: carrier, servername: "localhost" });
  stream.on("error", () => {});
  await once(stream, "secureConnect");
  return securePeer(stream, socket, carrier);
}

export interface PeerServer {
  readonly address: Address & { readonly kind: "tcp" };
  /** Connections accepted so far, handshake done. */
  readonly peers: readonly Peer[];
  /** Closes the listener and every connection. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Accepts connections and gives each to `serve` once its handshake is done. */
export async function startPeers(
  serve: (peer: Peer) => void,
  options: PeerOptions = {},
): Promise<PeerServer> {
  const peers: Peer[] = [];
  const sockets = new Set<Socket>();
  const context = options.tls && createSecureContext(options.tls);
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    const start = (peer: Peer) => {
      peers.push(peer);
      serve(peer);
    };
    if (!context) return start(plainPeer(socket));
    const carrier = options.adjustable ? adjustable(socket) : socket;
    const stream = new TLSSocket(carrier as Socket, { isServer: true, secureContext: context });
    stream.on("error", () => {});
    stream.once("secure", () => start(securePeer(stream, socket, carrier)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: { kind: "tcp", host: "127.0.0.1", port: (server.address() as AddressInfo).port },
    peers,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function plainPeer(socket: Socket): Peer {
  return {
    stream: socket,
    socket,
    halfClose: () => socket.end(),
    reset: () => socket.resetAndDestroy(),
  };
}

function securePeer(stream: TLSSocket, socket: Socket, carrier: Duplex): Peer {
  return {
    stream,
    socket,
    halfClose: (how = "close_notify + FIN") => {
      if (how !== "close_notify + FIN" && carrier === socket) throw new Error("the peer is not adjustable");
      // the FIN must not overtake what TLS has yet to hand down
      if (how === "FIN") stream.write("", () => socket.end());
      else stream.end();
      if (how === "close_notify + FIN" && carrier !== socket) stream.once("finish", () => socket.end());
    },
    reset: () => {
      if (!socket.destroyed) socket.resetAndDestroy();
    },
  };
}

/** A stream over `socket` that keeps its end to itself: what ends TLS does not end TCP. */
function adjustable(socket: Socket): Duplex {
  const carrier = new Duplex({
    allowHalfOpen: true,
    read: () => socket.resume(),
    write: (chunk, _, done) => socket.write(chunk, () => done()),
    final: (done) => done(),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on("data", (chunk) => {
    if (!carrier.push(chunk)) socket.pause();
  });
  socket.on("end", () => carrier.push(null));
  socket.on("error", (error) => carrier.destroy(error));
  socket.on("close", () => carrier.destroy());
  return carrier;
}
