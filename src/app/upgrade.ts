import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { socketsVariable } from "./given-sockets.ts";
import type { OpenSocket } from "./sockets.ts";

/** How long the new process may take until it is ready, in milliseconds. */
const patience = 60_000;
/** The descriptors of a child before those that are passed on: three standard ones and Node's channel. */
const before = 4;
const ready = "ready";

/**
 * Starts the program anew, as it is on the disk now, on the same sockets. Resolves when the new process is ready; this one
 * has not changed.
 *
 * @throws Error when it does not get ready
 */
export async function startSuccessor(sockets: readonly OpenSocket[]): Promise<number> {
  const names = sockets.map(({ key }, index) => [key, before + index] as const);
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    env: { ...process.env, [socketsVariable]: JSON.stringify(names) },
    stdio: ["ignore", "inherit", "inherit", "ipc", ...sockets.map(({ fd }) => fd)],
  });
  try {
    await untilReady(child);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  child.unref();
  return child.pid ?? 0;
}

/** Tells the process that this one replaces, if there is one, that it may go. */
export function announceReady(): void {
  if (!process.connected) return;
  process.send?.(ready, undefined, undefined, () => process.disconnect?.());
}

async function untilReady(child: ChildProcess): Promise<void> {
  const signal = AbortSignal.timeout(patience);
  const ended = once(child, "exit", { signal }).then(([code, how]) => {
    throw new Error(
      `the new process has ended before it was ready (${how ?? `exit code ${code}`}); its log says why`,
    );
  });
  const said = once(child, "message", { signal });
  try {
    await Promise.race([said, ended]);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new Error(`the new process was not ready within ${patience / 1000}s`, { cause: error });
  } finally {
    ended.catch(() => {});
    said.catch(() => {});
  }
}
