import { mkdir } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { dirname } from "node:path";
import type { Duplex } from "node:stream";
import { getRequestListener } from "@hono/node-server";
import { type Address, formatAddress } from "../core/address.ts";
import { Events } from "../core/events.ts";
import { Session } from "../core/session.ts";
import { type Bind, type Listener, listen } from "../net/listen.ts";
import { loadServerTls, type ServerTls, type TlsSources } from "../tls/contexts.ts";
import { type Termination, terminate } from "../tls/terminate.ts";
import { type Connection, controlSocket, type Entrance, tcpEntrance } from "./access.ts";
import type { Api } from "./api.ts";
import { boundedHttp } from "./bounded-http.ts";
import type { AdminHttpOptions, AdminOptions } from "./options.ts";
import { recognise } from "./recognise.ts";
import { readTokens, type Tokens } from "./tokens.ts";

/** What the block's files hold, read and checked. */
export interface AdminMaterial {
  readonly tokens: Tokens;
  readonly tls: ServerTls | undefined;
}

export interface AdminServerSetup {
  readonly options: AdminOptions;
  readonly material: AdminMaterial;
  readonly api: Api;
  readonly bind: Bind;
  /** Speaks the line protocol on a connection of the control socket, which is its to close. `seen` was read already. */
  readonly speakLines: (socket: Socket, seen: Buffer) => void;
}

export interface AdminServer {
  readonly addresses: readonly Address[];
  close(): void;
}

/** Milliseconds for the first bytes, and for a TLS handshake. */
const patience = 5000;
/** Connections that have not said yet what they want. */
const mostUndecided = 64;

/** @throws TokenError, MaterialError */
export async function loadAdminMaterial(
  { http }: AdminOptions,
  sources: TlsSources = {},
): Promise<AdminMaterial> {
  return {
    tokens: await readTokens(http?.tokens ?? []),
    tls: http?.tls && (await loadServerTls(http.tls, "admin", sources)),
  };
}

/**
 * Opens the control socket, and the admin API on TCP, where they are wanted.
 *
 * @throws ListenError
 */
export async function openAdmin(setup: AdminServerSetup): Promise<AdminServer> {
  const { socket, http } = setup.options;
  const opened: Pick<Listener, "address" | "close">[] = [];
  const close = () => {
    for (const one of opened) one.close();
  };
  try {
    if (socket !== undefined) opened.push(await openControlSocket(socket, setup));
    if (http) opened.push(await openHttp(http, setup));
  } catch (error) {
    close();
    throw error;
  }
  return { addresses: opened.map(({ address }) => address), close };
}

async function openControlSocket(path: string, { options, api, speakLines, bind }: AdminServerSetup) {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const http = boundedHttp(handler(api, controlSocket, () => unixConnection));
  const undecided = new Undecided();
  const listener = await listen(
    { kind: "unix", path },
    {
      ...{ unixMode: options.mode, bind },
      onConnection: (socket) =>
        undecided.add(socket, () => {
          const onData = (chunk: Buffer) => {
            seen = Buffer.concat([seen, chunk]);
            const dialect = recognise(seen);
            if (dialect === undefined) return;
            settle();
            if (dialect === "lines") return speakLines(socket, seen);
            socket.pause();
            socket.unshift(seen);
            http.serve(socket);
          };
          const onEnd = () => {
            settle();
            // no request ends like this
            speakLines(socket, seen);
          };
          let seen = Buffer.alloc(0);
          const settle = () => {
            socket.off("data", onData);
            socket.off("end", onEnd);
            undecided.delete(socket);
          };
          socket.on("data", onData);
          socket.on("end", onEnd);
          socket.resume();
        }),
    },
  );
  return closing(listener, [undecided, http]);
}

const unixConnection: Connection = { peer: "unix", subject: undefined, secure: false };

async function openHttp(options: AdminHttpOptions, { api, material, bind }: AdminServerSetup) {
  const { role, hosts = [], origins = [] } = options;
  const entrance = tcpEntrance({
    tokens: material.tokens,
    role,
    hosts: new Set(hosts.map((host) => host.toLowerCase())),
    origins: new Set(origins.map((origin) => origin.toLowerCase())),
  });
  const connections = new WeakMap<Duplex, Connection>();
  const http = boundedHttp(handler(api, entrance, (socket) => connections.get(socket) ?? unknownConnection));
  const { tls } = material;
  const termination = tls && terminate({ ...tls, events: new Events(), timeout: patience });
  const undecided = new Undecided();
  const listener = await listen(options.listen, {
    ...{ unixMode: 0o600, bind },
    onConnection: (socket, local) => {
      const client = peerOf(socket);
      const peer = client.kind === "unix" ? "unix" : formatAddress(client);
      if (!termination) {
        connections.set(socket, { peer, subject: undefined, secure: false });
        http.serve(socket);
        return;
      }
      undecided.add(socket, () =>
        secured(termination, socket, { client, local }).then(
          ({ stream, subject }) => {
            undecided.delete(socket);
            connections.set(stream, { peer, subject, secure: true });
            http.serve(stream);
          },
          () => socket.destroy(),
        ),
      );
    },
  });
  return closing(listener, [undecided, http, ...(termination ? [termination] : [])]);
}

const unknownConnection: Connection = { peer: "unknown", subject: undefined, secure: false };

async function secured(
  { stage }: Termination,
  socket: Socket,
  { client, local }: { readonly client: Address; readonly local: Address },
): Promise<{ readonly stream: Duplex; readonly subject: string | undefined }> {
  const session = new Session({ tunnel: "admin", client, local });
  const stream = await stage(session, socket);
  return { stream, subject: session.peer?.verified ? session.peer.subject : undefined };
}

/** A peer that has left already has no address any more. */
function peerOf({ remoteAddress, remotePort }: Socket): Address {
  return remoteAddress === undefined || remotePort === undefined
    ? { kind: "unix", path: "" }
    : { kind: "tcp", host: remoteAddress, port: remotePort };
}

function handler(api: Api, entrance: Entrance, connectionOf: (socket: Duplex) => Connection) {
  return getRequestListener(
    (request, { incoming, outgoing }) =>
      api.fetch(request, {
        entrance,
        connection: connectionOf((incoming as IncomingMessage).socket),
        incoming: incoming as IncomingMessage,
        answered: (act) => void outgoing.once("close", act),
      }),
    { overrideGlobalObjects: false },
  ) as (request: IncomingMessage, response: ServerResponse) => void;
}

/** Connections that nobody has taken over yet: few, for a short time, the oldest makes room. */
class Undecided {
  readonly #timers = new Map<Socket, NodeJS.Timeout>();

  add(socket: Socket, begin: () => void): void {
    socket.on("error", () => {});
    if (this.#timers.size >= mostUndecided) this.#timers.keys().next().value?.destroy();
    this.#timers.set(
      socket,
      setTimeout(() => socket.destroy(), patience),
    );
    socket.once("close", () => this.delete(socket));
    begin();
  }

  delete(socket: Socket): void {
    clearTimeout(this.#timers.get(socket));
    this.#timers.delete(socket);
  }

  close(): void {
    for (const socket of this.#timers.keys()) socket.destroy();
  }
}

function closing(listener: Listener, parts: readonly { close(): void }[]) {
  return {
    address: listener.address,
    close: () => {
      listener.close();
      for (const one of parts) one.close();
    },
  };
}
