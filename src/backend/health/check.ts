import type { Duplex } from "node:stream";
import type { Address } from "../../core/address.ts";
import type { CheckConnection, Probe, Target } from "../../core/backend.ts";
import { SessionError } from "../../core/outcome.ts";
import { Session } from "../../core/session.ts";
import type { Stage } from "../../core/stage.ts";
import { formatDuration } from "../../core/units.ts";
import { destroyBoth } from "../../net/transport.ts";
import { type Dial, dial } from "../dial.ts";

export interface CheckSetup {
  readonly backend: string;
  readonly probe: Probe;
  /** What runs on a new stream to a target that is checked: TLS, where the probe wants it. */
  readonly stages: (target: Target, connection: CheckConnection) => readonly Stage[];
  /** The PROXY header that the backend's targets want first. A check address is another service, and gets none. */
  readonly greeting?: Buffer | undefined;
  /** Milliseconds for the whole check. */
  readonly timeout: number;
}

/** One check under way. */
export interface RunningCheck {
  /** Rejects with the reason why the target does not work; nothing that the check has opened outlives it. */
  readonly done: Promise<void>;
  /** Ends it early; `done` rejects. */
  stop(): void;
}

/** Where a connection that no client asked for comes from. */
const nowhere: Address = { kind: "tcp", host: "0.0.0.0", port: 0 };

/** Checks `target` once, at its check address if it has one, all within the setup's timeout. */
export function startCheck(target: Target, setup: CheckSetup): RunningCheck {
  const { probe, timeout } = setup;
  const controller = new AbortController();
  const { signal } = controller;
  const dials = new Set<Dial>();
  const streams = new Set<Duplex>();
  const stop = (reason: SessionError) => {
    if (signal.aborted) return;
    controller.abort(reason);
    for (const attempt of dials) attempt.stop(reason);
    for (const stream of streams) stream.destroy(reason);
  };
  const late = () => `no ${streams.size > 0 ? "answer" : "connection"} within ${formatDuration(timeout)}`;
  const timer = setTimeout(() => stop(new SessionError("connect-failed", late())), timeout);
  const connect = async (connection: CheckConnection = {}): Promise<Duplex> => {
    signal.throwIfAborted();
    const session = new Session({ tunnel: setup.backend, client: nowhere, local: nowhere });
    const stages = (checked: Target) => setup.stages(checked, connection);
    const greeting = target.checkAddress ? undefined : setup.greeting;
    const attempt = dial(session, checkedPlace(target), {
      greeting: greeting && (() => greeting),
      stages,
      relay: "stream",
      timeout,
    });
    dials.add(attempt);
    try {
      const stream = await attempt.stream;
      streams.add(stream);
      if (signal.aborted) destroyBoth(stream);
      signal.throwIfAborted();
      return stream;
    } finally {
      dials.delete(attempt);
    }
  };
  const run = async () => {
    try {
      // a probe that does not heed its signal is left behind
      await Promise.race([probe.check(target, { signal, connect }), rejection(signal)]);
      for (const stream of streams) leave(stream);
      streams.clear();
    } finally {
      clearTimeout(timer);
      stop(new SessionError("connect-failed", "the check is over"));
    }
  };
  return { done: run(), stop: () => stop(new SessionError("connect-failed", "the check was stopped")) };
}

function checkedPlace(target: Target): Target {
  return target.checkAddress ? { ...target, address: target.checkAddress } : target;
}

/** Ends a stream as a client does that has heard enough. */
function leave(stream: Duplex): void {
  stream.end(() => destroyBoth(stream));
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
