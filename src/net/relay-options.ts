import type { Duplex } from "node:stream";
import type { SessionError } from "../core/outcome.ts";
import type { RelayMode } from "../core/session.ts";
import type { ClockLimits } from "./clocks.ts";
import type { Throttle } from "./flow.ts";

export interface RelayOptions extends ClockLimits {
  /** `fast` takes the fast ways where the streams allow them; `stream` is Node's own way everywhere. */
  readonly mode: RelayMode;
  /** Slows the session down. Like `failover`, it makes the relay go Node's own way. */
  readonly throttle?: Throttle | undefined;
  readonly failover?: RelayFailover | undefined;
}

/** What to do when the target is lost before it has ended. */
export interface RelayFailover {
  /**
   * Bytes of the client to keep, so that they can be sent again: then another target is asked for only until the first
   * byte has gone to the client, and while everything is kept. Undefined: always, and nothing is sent again.
   */
  readonly keep: number | undefined;
  /** Targets asked for in a row without one having answered. */
  readonly attempts: number;
  /** Finds another target; throws when there is none, and the session ends with the loss. The old stream is dead. */
  replace(loss: SessionError): Promise<Duplex>;
}
