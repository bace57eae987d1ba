import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Target } from "../core/backend.ts";
import { SessionError } from "../core/outcome.ts";
import type { RelayMode, Session } from "../core/session.ts";
import type { Stage } from "../core/stage.ts";
import { formatDuration } from "../core/units.ts";
import { open } from "../net/open.ts";
import { describeSocketError } from "../net/socket-error.ts";

export interface DialOptions {
  /** What a target gets before anything else: a PROXY header. Unlike a stage, it leaves the socket one for bulk reads. */
  readonly greeting?: ((session: Session) => Buffer) | undefined;
  /** What runs on a new stream to this target, in order: negotiation, TLS. */
  readonly stages: (target: Target) => readonly Stage[];
}

/** One attempt to reach a target. */
export interface Dial {
  readonly target: Target;
  /** Rejects with `SessionError`, the socket destroyed. */
  readonly stream: Promise<Duplex>;
  /** Ends the attempt; `stream` rejects with `reason`. Does nothing once that has settled. */
  stop(reason: SessionError): void;
}

/** Connects to `target` and runs the backend's stages, all within `timeout` milliseconds, name lookup included. */
export function dial(
  session: Session,
  target: Target,
  { timeout, relay, ...options }: DialOptions & { readonly timeout: number; readonly relay: RelayMode },
): Dial {
  let socket: Socket | undefined;
  let stopped: SessionError | undefined;
  const stop = (reason: SessionError) => {
    stopped ??= reason;
    socket?.destroy(reason);
  };
  const timer = setTimeout(() => {
    const late = `no connection within ${formatDuration(timeout)}`;
    stop(new SessionError("connect-failed", late, { label: "timeout" }));
  }, timeout);
  const onSocket = (opened: Socket) => {
    socket = opened;
  };
  const connect = async (): Promise<Duplex> => {
    try {
      const stages = options.stages(target);
      const opened = await open(target.address, {
        onSocket,
        bulk: relay === "fast" && stages.length === 0,
      });
      if (options.greeting) await write(opened, options.greeting(session));
      let stream: Duplex = opened;
      for (const stage of stages) stream = await stage(session, stream);
      if (stopped) throw stopped;
      return stream;
    } catch (error) {
      socket?.destroy();
      if (stopped) throw stopped;
      if (error instanceof SessionError) throw error;
      throw new SessionError("connect-failed", describeSocketError(error), { cause: error });
    } finally {
      clearTimeout(timer);
    }
  };
  return { target, stream: connect(), stop };
}

/** Resolves when the kernel has taken the bytes. Rejects with the socket's error, or its end at the dial's deadline. */
function write(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
