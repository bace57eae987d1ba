import { connect, createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Route } from "./workloads.ts";

/** Where a contestant listens; `inner` is for one that needs a hop of its own. */
export type Ports = Readonly<Record<Route | "inner", number>>;

/** Ports of one contestant, and those of the origin. */
const blockSize = 10;
const lowest = 20_000;
/** Above it are the ports that the kernel gives to connections. */
const highest = 32_000;

/** The first of `count` blocks of ten ports with nobody on any of them. */
export async function freeBlocks(count: number): Promise<readonly number[]> {
  const size = count * blockSize;
  for (let base = lowest; base + size <= highest; base += 1000) {
    const ports = Array.from({ length: size }, (_, index) => base + index);
    const free = await Promise.all(ports.map(isFree));
    if (free.every(Boolean)) return Array.from({ length: count }, (_, index) => base + index * blockSize);
  }
  throw new Error(`no ${size} ports in a row are free between ${lowest} and ${highest}`);
}

export function portsIn(block: number): Ports {
  return {
    tls: block,
    rsa: block + 1,
    client: block + 2,
    plain: block + 3,
    "tls-tls": block + 4,
    inner: block + 5,
    "client-again": block + 6,
  };
}

/** Resolves when somebody accepts connections on each port; rejects after `patience` milliseconds. */
export async function accepting(ports: readonly number[], patience: number, signal: AbortSignal) {
  const deadline = performance.now() + patience;
  for (const port of ports)
    while (!(await accepts(port))) {
      signal.throwIfAborted();
      if (performance.now() > deadline) throw new Error(`nobody listens on 127.0.0.1:${port}`);
      await delay(50);
    }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const settle = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false));
  });
}
