import { isIP, isIPv4, type Socket } from "node:net";
import type { Address } from "../core/address.ts";
import type { Events } from "../core/events.ts";
import { type Outcome, SessionError } from "../core/outcome.ts";
import { type Enrolled, Roster } from "../core/roster.ts";
import { Session } from "../core/session.ts";
import type { Bind, Listener } from "../net/listen.ts";
import { reset } from "../net/transport.ts";
import type { Capacity } from "./capacity.ts";
import { type Availability, type Inherit, Listeners, type OpenListener } from "./listeners.ts";
import { type Pipeline, serve } from "./serve.ts";

export interface FrontendSetup {
  readonly tunnel: string;
  readonly events: Events;
  readonly capacity: Capacity;
  /** Default: this process binds. */
  readonly bind?: Bind | undefined;
}

/** What a frontend is to be from the next connection on. */
export interface FrontendPlan {
  readonly listen: readonly Address[];
  readonly unixMode: number;
  readonly pipeline: Pipeline;
  /** Listen only while it says so; absent: always. */
  readonly availability?: Availability | undefined;
}

/** A plan whose addresses are open. Exactly one of its two functions is to be called. */
export interface FrontendChange {
  /** Every bound address; port 0 shows the port that was given. */
  readonly addresses: readonly Address[];
  /** Its listeners, those that were open before among them. */
  readonly listeners: readonly Listener[];
  /** Takes it over; sessions under way keep what they began with. `kept` is what other frontends have inherited. */
  commit(kept: ReadonlySet<Listener>): void;
  /** Leaves all as it was. */
  discard(): void;
}

/** A session and the socket that was accepted for it. */
interface Admitted extends Enrolled {
  readonly session: Session;
  readonly socket: Socket;
}

const noDescriptors = new SessionError("limited", "the process has no file descriptors left for it", {
  label: "file-descriptors",
});
const wildcards: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** The listening side of a tunnel and the sessions that came in through it. */
export class Frontend {
  readonly tunnel: string;
  readonly #setup: FrontendSetup;
  /** What the next connections get; those under way keep what they began with. */
  #pipeline: Pipeline | undefined;
  #listeners: Listeners | undefined;
  readonly #admitted = new Roster<Admitted>();
  /** Those who wait for the last session to end. */
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(setup: FrontendSetup) {
    this.tunnel = setup.tunnel;
    this.#setup = setup;
  }

  /**
   * Opens what the plan listens on and is not open yet.
   *
   * @throws ListenError for the first address that cannot be opened; then all is as it was
   */
  async prepare(plan: FrontendPlan, inherit?: Inherit): Promise<FrontendChange> {
    const { tunnel, events, bind } = this.#setup;
    const { listen, unixMode, availability, pipeline } = plan;
    const listeners = new Listeners({
      ...{ tunnel, events, bind, listen, unixMode, availability },
      bulk: () => (this.#pipeline ?? pipeline).bulk,
      onConnection: (socket, local) => this.#accept(socket, local),
    });
    const addresses = await listeners.prepare(inherit);
    return {
      addresses,
      listeners: listeners.open.map(({ listener }) => listener),
      commit: (kept) => {
        const before = this.#listeners;
        this.#pipeline = pipeline;
        this.#listeners = listeners;
        listeners.start();
        before?.close(kept);
      },
      discard: () => listeners.discard(),
    };
  }

  /** Where it listens, or will when there is a reason to; port 0 shows the port that was given. */
  get addresses(): readonly Address[] {
    return this.#listeners?.addresses ?? [];
  }

  /** What is open now. */
  get open(): readonly OpenListener[] {
    return this.#listeners?.open ?? [];
  }

  /** Sessions under way. */
  get sessions(): readonly Session[] {
    return this.#admitted.members().map(({ session }) => session);
  }

  /** Sessions under way. */
  get active(): number {
    return this.#admitted.size;
  }

  /** Stops accepting, but for what others have inherited; sessions under way go on. Idempotent. */
  close(kept?: ReadonlySet<Listener>): void {
    this.#listeners?.close(kept);
  }

  /** Resolves when no session is left. */
  async drained(): Promise<void> {
    if (this.#admitted.size === 0) return;
    this.#idle ??= Promise.withResolvers<void>();
    await this.#idle.promise;
  }

  /** Ends every session under way with `outcome`. */
  abortAll(outcome: Outcome, reason: string): void {
    for (const admitted of this.#admitted.members()) abort(admitted, outcome, reason);
  }

  /** Ends the session of this id with `outcome`; false when it is not here. */
  abort(id: string, outcome: Outcome, reason: string): boolean {
    const admitted = this.#admitted.members().find(({ session }) => session.id === id);
    if (admitted) abort(admitted, outcome, reason);
    return admitted !== undefined;
  }

  #accept(socket: Socket, local: Address): void {
    // the first thing done with it: a socket whose error nobody hears ends the process
    socket.on("error", ignore);
    const { capacity, events } = this.#setup;
    const pipeline = this.#pipeline;
    if (!pipeline) return void socket.destroy();
    const session = new Session({
      tunnel: this.tunnel,
      client: clientAddress(socket),
      local: localAddress(socket, local),
    });
    events.emit("session.opened", { session });
    if (!capacity.take()) {
      socket.destroy();
      session.end("limited", noDescriptors);
      events.emit("session.closed", { session });
      return;
    }
    const admitted: Admitted = { session, socket, place: 0 };
    this.#admitted.add(admitted);
    socket.once("close", () => {
      // once payload is relayed, a client may close because it has ended, its last bytes still on their way to the target
      if (session.relay === undefined) session.abort("client-reset", "the client left");
    });
    void serve(session, socket, pipeline).then(() => {
      this.#admitted.delete(admitted);
      capacity.release();
      events.emit("session.closed", { session });
      if (this.#admitted.size > 0) return;
      this.#idle?.resolve();
      this.#idle = undefined;
    });
  }
}

function abort({ session, socket }: Admitted, outcome: Outcome, reason: string): void {
  session.abort(outcome, reason);
  reset(socket);
}

function clientAddress(socket: Socket): Address {
  const { remoteAddress: host, remotePort: port } = socket;
  // a unix client has no address, and a TCP one none any more once it has left
  if (host === undefined || port === undefined) return { kind: "unix", path: "" };
  return { kind: "tcp", host: unmapped(host), port };
}

/** Where the client has arrived: behind a name or a wildcard, only the socket knows. */
function localAddress(socket: Socket, listening: Address): Address {
  if (listening.kind === "unix" || (isIP(listening.host) !== 0 && !wildcards.has(listening.host)))
    return listening;
  const { localAddress: host } = socket;
  return host === undefined ? listening : { ...listening, host: unmapped(host) };
}

/** A dual-stack socket shows an IPv4 address as an IPv6 one. */
function unmapped(host: string): string {
  const mapped = host.startsWith("::ffff:") ? host.slice("::ffff:".length) : "";
  return isIPv4(mapped) ? mapped : host;
}

function ignore(): void {}
