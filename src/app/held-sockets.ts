import type { Address } from "../core/address.ts";
import { reasonOf } from "../core/outcome.ts";
import { handlePort, type ServerHandle } from "../net/server-handle.ts";
import { errorCode } from "../net/socket-error.ts";
import { type Failure, socketKey } from "./messages.ts";
import type { Sockets } from "./sockets.ts";

interface Held {
  readonly request: SocketRequest;
  readonly handle: Promise<ServerHandle>;
  /** The workers that listen on it. */
  readonly holders: Set<number>;
  /** Of a TCP socket, once it is bound. */
  port: number | undefined;
}

export interface SocketRequest {
  readonly address: Address;
  readonly unixMode: number;
  readonly scope: string | undefined;
}

/**
 * The sockets that workers listen on. They are bound here and stay open as long as the configuration wants them: what
 * waits in their queues when a worker ends is taken by another one.
 */
export class HeldSockets {
  readonly #held = new Map<string, Held>();
  readonly #sockets: Sockets;

  constructor(sockets: Sockets) {
    this.#sockets = sockets;
  }

  /** The socket, bound if it was not yet. */
  async take(worker: number, request: SocketRequest): Promise<ServerHandle | Failure> {
    const key = socketKey(request.address, request.scope);
    const held = this.#held.get(key) ?? {
      request,
      handle: this.#sockets.handle(request.address, request),
      holders: new Set(),
      port: undefined,
    };
    this.#held.set(key, held);
    try {
      const handle = await held.handle;
      held.port = handlePort(handle);
      held.holders.add(worker);
      return handle;
    } catch (error) {
      this.#held.delete(key);
      return { message: reasonOf(error), code: errorCode(error), listening: true, faults: undefined };
    }
  }

  /** Where a place of the configuration is bound; port 0 shows the port that was given. */
  addressOf(wanted: Address, scope: string): Address {
    const port = this.#held.get(socketKey(wanted, scope))?.port;
    return wanted.kind === "tcp" && port !== undefined ? { ...wanted, port } : wanted;
  }

  /** A worker does not listen there any more; when none does, the address is free again. */
  release(worker: number, key: string): void {
    const held = this.#held.get(key);
    held?.holders.delete(worker);
    if (held?.holders.size === 0) this.#close(key, held);
  }

  /** A worker is gone; its sockets wait for the one that replaces it. */
  forget(worker: number): void {
    for (const { holders } of this.#held.values()) holders.delete(worker);
  }

  /**
   * Closes what the configuration does not want. The worker that is the last to close such a socket has emptied its queue:
   * were it open here after that, what comes meanwhile would be reset.
   */
  keepOnly(wanted: ReadonlySet<string>): void {
    for (const [key, held] of this.#held) if (!wanted.has(key)) this.#close(key, held);
  }

  closeAll(): void {
    for (const [key, held] of this.#held) this.#close(key, held);
  }

  #close(key: string, { handle, request }: Held): void {
    this.#held.delete(key);
    handle.then(
      (open) => {
        open.close();
        this.#sockets.forget(request.address, request.scope);
      },
      () => {},
    );
  }
}
