import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { DemoTunnel } from "./layout.ts";

export interface Proof {
  /** Who answered. */
  readonly name: string;
  /** Of the connection to the tunnel; undefined when it is plain. */
  readonly tlsVersion: string | undefined;
}

/** Milliseconds for one exchange. */
const patience = 10_000;

/**
 * One exchange through a tunnel: a line goes out, and comes back with the name of an echo server.
 *
 * @throws Error when it does not
 */
export async function prove(tunnel: DemoTunnel, authorityFile: string): Promise<Proof> {
  const socket = open(tunnel, authorityFile);
  socket.on("error", () => {});
  const deadline = setTimeout(() => socket.destroy(new Error("no answer within 10 s")), patience);
  try {
    await once(socket, tunnel.tls ? "secureConnect" : "connect");
    const lines = createInterface({ input: socket });
    const failure = once(socket, "close").then(() => {
      throw new Error("closed without an answer");
    });
    const question = `hello through ${tunnel.name}`;
    socket.write(`${question}\n`);
    const [answer] = await Promise.race([once(lines, "line"), failure]);
    const name = new RegExp(`^(\\w+): ${question}$`).exec(String(answer))?.[1];
    if (name === undefined) throw new Error(`unexpected answer ${JSON.stringify(answer)}`);
    const tlsVersion = tunnel.tls ? ((socket as TLSSocket).getProtocol() ?? undefined) : undefined;
    socket.end();
    return { name, tlsVersion };
  } finally {
    clearTimeout(deadline);
  }
}

function open({ port, tls }: DemoTunnel, authorityFile: string): Socket {
  const where = { host: "127.0.0.1", port };
  return tls
    ? connectTls({ ...where, servername: "localhost", ca: readFileSync(authorityFile) })
    : connect(where);
}
