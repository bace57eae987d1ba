import { linkSync, renameSync, unlinkSync } from "node:fs";
import type { Server } from "node:net";
import type { Address } from "../core/address.ts";
import { type Bind, type BindOptions, bindHere, listenOn, onListenEnd } from "../net/listen.ts";
import { adoptHandle, bindHandle, type ServerHandle } from "../net/server-handle.ts";
import { socketKey } from "./messages.ts";

/** A listening socket by its name, and its descriptor in this process. */
export interface OpenSocket {
  readonly key: string;
  readonly fd: number;
}

interface Kept {
  readonly address: Address;
  readonly fd: number;
  close(): void;
}

/**
 * Every socket that this program listens on. Those that it was given by systemd or by the process that it replaces are
 * taken instead of binding, and all of them can be handed to the process that replaces this one.
 */
export class Sockets {
  readonly #given: Map<string, number>;
  readonly #kept = new Map<string, Kept>();
  /** Handles that were given, whose paths nobody else takes away. */
  readonly #adopted = new Set<string>();
  #handedOver = false;

  /** @param given descriptors of sockets that are bound already, by name */
  constructor(given: ReadonlyMap<string, number> = new Map()) {
    this.#given = new Map(given);
  }

  /** For servers of this process. */
  readonly bind: Bind = async (server, address, options) => {
    const key = socketKey(address, options.scope);
    const fd = this.#take(key);
    if (fd === undefined) await bindHere(server, address, options);
    else await listenOn(server, { fd });
    const own = descriptorOf(server);
    if (own !== undefined) this.#kept.set(key, { address, fd: own, close: () => void server.close() });
    onListenEnd(server, () => this.#closed(key, address, fd !== undefined));
  };

  /** For worker processes: the socket is bound, and this process does not accept on it. */
  async handle(address: Address, options: BindOptions): Promise<ServerHandle> {
    const key = socketKey(address, options.scope);
    const given = this.#take(key);
    const handle = given === undefined ? await bindHandle(address, options) : adoptHandle(given);
    if (given !== undefined) this.#adopted.add(key);
    this.#kept.set(key, { address, fd: handle.fd, close: () => handle.close() });
    return handle;
  }

  /** The socket of this name was closed by whoever asked for it. */
  forget(address: Address, scope: string | undefined): void {
    this.#closed(socketKey(address, scope), address, this.#adopted.has(socketKey(address, scope)));
  }

  get open(): readonly OpenSocket[] {
    return [...this.#kept].map(([key, { fd }]) => ({ key, fd }));
  }

  /** Another process listens on them now: closes them here, and leaves the paths of unix sockets to it. */
  handOver(): void {
    this.#handedOver = true;
    for (const { address, close } of this.#kept.values()) {
      if (address.kind !== "unix") {
        close();
        continue;
      }
      // closing takes the path away: it comes back in the same turn
      const aside = `${address.path}.handover`;
      linkSync(address.path, aside);
      close();
      renameSync(aside, address.path);
    }
    this.#kept.clear();
  }

  #take(key: string): number | undefined {
    const fd = this.#given.get(key);
    this.#given.delete(key);
    return fd;
  }

  #closed(key: string, address: Address, given: boolean): void {
    this.#kept.delete(key);
    // the system takes away only the path that this process has bound
    if (!given || this.#handedOver || address.kind !== "unix") return;
    try {
      unlinkSync(address.path);
    } catch {
      // it is gone already
    }
  }
}

function descriptorOf(server: Server): number | undefined {
  const { _handle: handle } = server as { _handle?: { fd?: number } | null };
  return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined;
}
