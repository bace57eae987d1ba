/** Ports for servers that cannot listen on port 0 and say which port they got. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { patience } from "./patience.ts";

// below the ports that kernels give to outgoing connections (32768 and up), which could take one in the meantime
const lowest = 20_000;
const highest = 32_767;
const given = new Set<number>();

/** A port of 127.0.0.1 that nobody listens on, chosen at random because other test files choose at the same time. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest + 1));
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no free port between ${lowest} and ${highest}`);
}

/** Waits until somebody accepts connections on the port: for servers that do not say when they are ready. */
export async function answering(port: number, signal = AbortSignal.timeout(patience)): Promise<void> {
  while (!(await accepts(port))) {
    if (signal.aborted) throw new Error(`nobody listens on port ${port}`);
    await delay(20);
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
