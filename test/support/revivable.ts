/** A target that can die and come back at the same address, as machines do. */
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { freePort } from "./ports.ts";

export interface Revivable extends AsyncDisposable {
  readonly port: number;
  /** Connections accepted since the beginning. */
  readonly accepted: number;
  /** From now on connections are refused; those that are open are closed. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Accepts connections and gives each to `handle`. */
export async function startRevivable(handle: (socket: Socket) => void): Promise<Revivable> {
  const port = await freePort();
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  let accepted = 0;
  const start = async () => {
    server = createServer({ allowHalfOpen: true }, (socket) => {
      accepted++;
      sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => sockets.delete(socket));
      handle(socket);
    }).listen(port, "127.0.0.1");
    await once(server, "listening");
  };
  const stop = async () => {
    if (!server) return;
    const closed = once(server, "close");
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
    server = undefined;
  };
  await start();
  return {
    port,
    get accepted() {
      return accepted;
    },
    stop,
    start,
    [Symbol.asyncDispose]: stop,
  };
}
