import { connect, type NetConnectOpts, type Socket } from "node:net";
import type { Address } from "../core/address.ts";
import { BulkReader, withBulkReader } from "./bulk-socket.ts";

export interface OpenOptions {
  /** Read in bulk: only when the relay gets the socket itself, with no stage in between. */
  readonly bulk: boolean;
  /** Called with the socket in the turn that makes it, so that whoever waits can end it early. */
  readonly onSocket: (socket: Socket) => void;
}

/**
 * Connects to `address`. What lasts is to be given keep-alive by its owner: it costs four system calls, and most sessions
 * are shorter than its delay. Rejects with the socket's own error; the socket is destroyed then. Has no deadline of its
 * own: the caller destroys the socket that it was given through `onSocket`.
 */
export function open(address: Address, options: OpenOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const bulk = options.bulk ? new BulkReader() : undefined;
    const socket = connect({ ...connectOptions(address), ...(bulk ? { onread: bulk.onread } : {}) });
    if (bulk) withBulkReader(socket, bulk);
    const fail = (error?: unknown) =>
      reject(error instanceof Error ? error : new Error("closed while connecting"));
    socket.once("error", fail);
    socket.once("close", fail);
    socket.once("connect", () => {
      socket.off("close", fail);
      // 'fail' stays as the error listener: without one, a reset before the next owner listens would end the process
      resolve(socket);
    });
    options.onSocket(socket);
  });
}

function connectOptions(address: Address): NetConnectOpts {
  if (address.kind === "unix") return { path: address.path, allowHalfOpen: true };
  return {
    host: address.host,
    port: address.port,
    allowHalfOpen: true,
    noDelay: true,
  };
}
