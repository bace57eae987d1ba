import { lookup } from "node:dns/promises";
import { chmod } from "node:fs/promises";
import net, { isIP, isIPv6 } from "node:net";
import { getSystemErrorName } from "node:util";
import type { Address } from "../core/address.ts";
import { errorCode } from "./socket-error.ts";
import { recoverStaleSocket } from "./stale-socket.ts";

/*
 * A socket that is bound and that this process does not accept on: it is handed to worker processes, which all listen on
 * it, and stays open when one of them ends. Node has no documented way to make one; its own cluster module uses the
 * function below, and whatever we use of it is in this file.
 */

/** Can be sent to a child process, and be given to `server.listen`. */
export interface ServerHandle {
  readonly fd: number;
  close(): void;
}

interface NodeHandle extends ServerHandle {
  getsockname?(out: { address?: string; port?: number }): number;
}
type CreateServerHandle = (
  address: string | null,
  port: number | null,
  family: number | null,
  fd: number | undefined,
  flags: number,
) => NodeHandle | number;

/**
 * Binds a socket; a unix socket that nobody answers on is taken over.
 *
 * @throws Error of the system, with its code
 */
export async function bindHandle(
  address: Address,
  { unixMode }: { readonly unixMode: number },
): Promise<ServerHandle> {
  if (address.kind === "tcp") return bindTcp(address.host, address.port);
  try {
    return await bindUnix(address.path, unixMode);
  } catch (error) {
    if (errorCode(error) !== "EADDRINUSE") throw error;
    const advice = await recoverStaleSocket(address.path);
    if (advice !== undefined) throw systemError("EADDRINUSE", `bind EADDRINUSE ${address.path}${advice}`);
    return await bindUnix(address.path, unixMode);
  }
}

/** The handle of a socket that another process has bound. */
export function adoptHandle(fd: number): ServerHandle {
  return created(create(null, null, null, fd), `descriptor ${fd}`);
}

/** Where a bound TCP socket is; undefined for others. */
export function handleAddress(
  handle: ServerHandle,
): { readonly host: string; readonly port: number } | undefined {
  const out: { address?: string; port?: number } = {};
  const node = handle as NodeHandle;
  if (node.getsockname?.(out) !== 0 || out.address === undefined || out.port === undefined) return undefined;
  return { host: out.address, port: out.port };
}

export function handlePort(handle: ServerHandle): number | undefined {
  return handleAddress(handle)?.port;
}

async function bindTcp(host: string, port: number): Promise<ServerHandle> {
  const { address } = isIP(host) === 0 ? await lookup(host) : { address: host };
  const what = `${host}:${port}`;
  const handle = created(create(address, port, isIPv6(address) ? 6 : 4, undefined), what);
  // libuv tells that an address is in use only to whoever listens; an unbound socket would listen anywhere
  if (port !== 0 && handlePort(handle) !== port) {
    handle.close();
    throw systemError("EADDRINUSE", `bind EADDRINUSE ${what}`);
  }
  return handle;
}

async function bindUnix(path: string, mode: number): Promise<ServerHandle> {
  // the socket must never be open to others, not even between bind and chmod
  const umask = process.umask(0o177);
  let handle: ServerHandle;
  try {
    handle = created(create(path, -1, -1, undefined), path);
  } finally {
    process.umask(umask);
  }
  await chmod(path, mode);
  return handle;
}

function create(address: string | null, port: number | null, family: number | null, fd: number | undefined) {
  const { _createServerHandle: make } = net as unknown as { _createServerHandle?: CreateServerHandle };
  if (!make)
    throw new Error(`Node.js ${process.versions.node} cannot bind for other processes; use workers: 1`);
  return make(address, port, family, fd, 0);
}

function created(handle: NodeHandle | number, what: string): NodeHandle {
  if (typeof handle !== "number") return handle;
  const code = getSystemErrorName(handle);
  throw systemError(code, `bind ${code} ${what}`);
}

function systemError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
