import type { Duplex } from "node:stream";
import type { Balancer, TargetHealth, TargetSpec } from "../core/backend.ts";
import type { Events } from "../core/events.ts";
import { SessionError } from "../core/outcome.ts";
import type { Session } from "../core/session.ts";
import { type ConnectHow, type ConnectOptions, type ConnectSetup, connect } from "./connect.ts";
import type { DialOptions } from "./dial.ts";
import { PassiveChecks, type PassiveOptions } from "./health/passive.ts";
import type { LiveTarget } from "./target.ts";
import { Targets } from "./targets.ts";

export interface BackendSetup {
  readonly name: string;
  readonly specs: readonly TargetSpec[];
  /** Those of the backend that this one replaces, with their state; `takeOver` makes them its own. */
  readonly targets?: Targets | undefined;
  readonly balancer: Balancer;
  readonly dial: DialOptions;
  readonly connect: ConnectOptions;
  readonly passive: PassiveOptions;
  /** Whether probes run: then they, and not the time, bring an ejected target back. */
  readonly probed: boolean;
  readonly initial: TargetHealth;
  /** Milliseconds over which a target that has come back gets back its full share. */
  readonly slowStart: number;
  readonly events: Events;
}

/** A stream to a target. Whoever gets it calls `release` exactly once, when the stream is over. */
export interface Connection {
  readonly stream: Duplex;
  readonly target: LiveTarget;
  /** `error` is what ended the stream, if it was not its own end. */
  release(error?: unknown): void;
}

/** The targets of a tunnel and how they are reached. */
export class Backend {
  readonly name: string;
  readonly targets: Targets;
  readonly #setup: BackendSetup;
  readonly #passive: PassiveChecks;
  readonly #search: ConnectSetup;

  constructor(setup: BackendSetup) {
    const { name: backend, specs, events, slowStart, initial } = setup;
    this.name = backend;
    this.#setup = setup;
    this.targets = setup.targets ?? new Targets({ backend, specs, events, slowStart, initial });
    this.#passive = new PassiveChecks(this.targets, setup.passive, { probed: setup.probed });
    const { balancer, dial, connect } = setup;
    this.#search = {
      backend,
      balancer,
      dial,
      connect,
      events,
      targets: this.targets,
      passive: this.#passive,
    };
  }

  /**
   * Makes the inherited targets what this backend's setup says. Those that a provider has found stay until it tells others.
   */
  takeOver({ provided }: { readonly provided: boolean }): void {
    const { specs, slowStart, initial, probed } = this.#setup;
    this.targets.configure({ slowStart, initial }, { probed });
    if (provided) this.targets.keepBeside(specs);
    else this.targets.reconcile(specs);
    this.#passive.takeOver();
  }

  /**
   * Connects the session to a target.
   *
   * @throws SessionError `no-target` when none is usable, `limited` when all usable ones are full, `connect-failed` when
   *   none of those tried could be reached, or why the session was aborted meanwhile
   */
  async connect(session: Session, how: ConnectHow): Promise<Connection> {
    const { stream, target } = await connect(session, this.#search, how);
    return { stream, target, release: (error) => this.#release(session, target, error) };
  }

  /** Releases what runs by itself. Sessions under way go on. */
  close(): void {
    this.#passive.close();
  }

  #release(session: Session, target: LiveTarget, error: unknown): void {
    target.active--;
    const early = error instanceof SessionError && error.outcome === "target-reset" && session.bytesOut === 0;
    if (early && this.#setup.passive.resets) this.#passive.failed(target, error);
  }
}
