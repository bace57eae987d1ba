import type { Socket } from "node:net";
import type { Address } from "../core/address.ts";
import type { Events } from "../core/events.ts";
import { reasonOf } from "../core/outcome.ts";
import { type Acceptor, type Listener, type ListenOptions, listen } from "../net/listen.ts";

/** Says whether there is a reason to accept connections; a backend's targets do. */
export interface Availability {
  readonly anyUsable: boolean;
  /** Calls `watcher` after every change; returns the function that ends it. */
  onChange(watcher: () => void): () => void;
}

export interface ListenersSetup extends ListenOptions {
  readonly tunnel: string;
  readonly listen: readonly Address[];
  readonly events: Events;
  /** Absent: listens always. */
  readonly availability?: Availability | undefined;
}

/** A listener that is open, and what was asked for when it was opened. */
export interface OpenListener {
  readonly tunnel: string;
  /** As in the configuration: port 0 is another one for each place it stands in. */
  readonly wanted: Address;
  readonly index: number;
  readonly listener: Listener;
}

/** Finds a listener that is open already. */
export type Inherit = (place: Omit<OpenListener, "listener">) => Listener | undefined;

/** Milliseconds after which an address is tried again that somebody has taken meanwhile. */
const retryInterval = 1000;
const aliveInterval = 3_600_000;

/** Everything that a frontend listens on: open all together, or not at all. */
export class Listeners {
  readonly #setup: ListenersSetup;
  readonly #acceptor: Acceptor;
  #open: readonly Listener[] = [];
  #inherited: ReadonlySet<Listener> = new Set();
  /** Where it listens, or has listened before: port 0 is asked for only once. */
  #addresses: readonly Address[];
  /** Connections that came before `start`. */
  #held: { readonly socket: Socket; readonly local: Address }[] = [];
  #closed = false;
  #unwatch: (() => void) | undefined;
  /** A change is under way. */
  #changing = false;
  #retry: NodeJS.Timeout | undefined;
  /** Runs while nothing is open but will be again: else the process could find that it has nothing left to do. */
  #alive: NodeJS.Timeout | undefined;

  constructor(setup: ListenersSetup) {
    const { bulk, onConnection } = setup;
    this.#setup = setup;
    this.#acceptor = { bulk, onConnection };
    this.#addresses = setup.listen;
  }

  /** Whether it accepts connections now. */
  get listening(): boolean {
    return this.#open.length > 0;
  }

  /** Where it listens, or will when there is a reason to. */
  get addresses(): readonly Address[] {
    return this.#addresses;
  }

  /** What is open, for others to inherit. */
  get open(): readonly OpenListener[] {
    const { tunnel, listen: wanted } = this.#setup;
    return this.#open.flatMap((listener, index) => {
      const address = wanted[index];
      return address ? [{ tunnel, wanted: address, index, listener }] : [];
    });
  }

  /**
   * Opens every address that there is no listener of yet. Nothing is done with what is inherited before `start`, and
   * connections to the new ones wait for it.
   *
   * @throws ListenError for the first that cannot be opened; then none of the new ones is open
   */
  async prepare(inherit: Inherit = () => undefined): Promise<readonly Address[]> {
    const { tunnel, listen: places } = this.#setup;
    const inherited = places.map((wanted, index) => inherit({ tunnel, wanted, index }));
    this.#inherited = new Set(inherited.filter((one) => one !== undefined));
    const holding: Acceptor = {
      bulk: this.#acceptor.bulk,
      onConnection: (socket, local) => {
        socket.on("error", () => {});
        this.#held.push({ socket, local });
      },
    };
    this.#open = await this.#listenAll(holding, inherited);
    this.#addresses = this.#open.map(({ address }) => address);
    return this.#addresses;
  }

  /** Takes the connections from now on. What has no reason to be open is closed again, its address known to be free. */
  start(): void {
    for (const listener of this.#open) listener.handTo(this.#acceptor);
    for (const listener of this.#inherited) listener.setMode(this.#setup.unixMode);
    for (const { socket, local } of this.#held.splice(0)) this.#acceptor.onConnection(socket, local);
    this.#unwatch = this.#setup.availability?.onChange(() => void this.#follow());
    void this.#follow();
  }

  /** Takes back `prepare`: what was inherited goes on as before. */
  discard(): void {
    for (const { socket } of this.#held.splice(0)) socket.destroy();
    this.close(this.#inherited);
  }

  /** For good; what others have inherited stays open. Idempotent. */
  close(inherited: ReadonlySet<Listener> = new Set()): void {
    this.#closed = true;
    this.#unwatch?.();
    clearTimeout(this.#retry);
    clearInterval(this.#alive);
    this.#closeAll(inherited);
  }

  async #listenAll(
    acceptor: Acceptor,
    inherited: readonly (Listener | undefined)[] = [],
  ): Promise<readonly Listener[]> {
    const opened: Listener[] = [];
    const all: Listener[] = [];
    try {
      for (const [index, address] of this.#addresses.entries()) {
        const known = inherited[index];
        const listener =
          known ??
          (await listen(address, { ...this.#setup, ...acceptor, scope: `${this.#setup.tunnel}/${index}` }));
        if (!known) opened.push(listener);
        all.push(listener);
      }
      return all;
    } catch (error) {
      for (const listener of opened) listener.close();
      throw error;
    }
  }

  #closeAll(inherited: ReadonlySet<Listener> = new Set()): void {
    for (const listener of this.#open) if (!inherited.has(listener)) listener.close();
    this.#open = [];
  }

  /** Makes what is so what should be so. What changes while it is at it, it looks at again. */
  async #follow(): Promise<void> {
    const { availability } = this.#setup;
    if (!availability || this.#changing) return;
    this.#changing = true;
    while (!this.#closed && this.#retry === undefined && availability.anyUsable !== this.listening) {
      if (availability.anyUsable) await this.#reopen();
      else {
        this.#closeAll();
        this.#alive = setInterval(() => {}, aliveInterval);
        this.#tell("no target is usable");
      }
    }
    this.#changing = false;
  }

  async #reopen(): Promise<void> {
    try {
      const opened = await this.#listenAll(this.#acceptor);
      this.#open = opened;
      clearInterval(this.#alive);
      if (this.#closed) this.#closeAll();
      else this.#tell("a target is usable");
    } catch (error) {
      this.#tell(reasonOf(error));
      this.#retry = setTimeout(() => {
        this.#retry = undefined;
        void this.#follow();
      }, retryInterval);
    }
  }

  #tell(reason: string): void {
    const { tunnel, events } = this.#setup;
    events.emit("frontend.listening", { tunnel, listening: this.listening, reason });
  }
}
