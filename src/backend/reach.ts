import { formatAddress } from "../core/address.ts";
import { reasonOf, SessionError } from "../core/outcome.ts";
import type { Session } from "../core/session.ts";
import type { Backend, Connection } from "./backend.ts";
import type { ConnectHow, ConnectOptions } from "./connect.ts";
import { dial } from "./dial.ts";
import { LiveTarget } from "./target.ts";

/**
 * Stands where a backend does for sessions that have asked for their destination themselves. It dials the addresses that
 * were judged, one after the other, and never looks a name up.
 */
export function reach(options: Pick<ConnectOptions, "timeout" | "deadline">): Pick<Backend, "connect"> {
  return {
    connect: (session, how) =>
      connect(session, how, options).finally(() => {
        session.interrupt = undefined;
      }),
  };
}

async function connect(
  session: Session,
  { relay }: ConnectHow,
  { timeout, deadline }: Pick<ConnectOptions, "timeout" | "deadline">,
): Promise<Connection> {
  const { destination } = session;
  if (!destination) throw new SessionError("no-target", "the client has not said where it wants to go");
  const endsAt = performance.now() + deadline;
  const failures: string[] = [];
  for (const address of destination.addresses) {
    const rest = endsAt - performance.now();
    if (rest <= 0) break;
    if (session.aborted) throw session.aborted;
    // of its own: it is nobody's to balance, to check or to count
    const target = new LiveTarget({ address, weight: 1 });
    const attempt = dial(session, target, { relay, timeout: Math.min(timeout, rest), stages: () => [] });
    session.interrupt = attempt.stop;
    session.attempts++;
    try {
      return { stream: await attempt.stream, target, release: () => {} };
    } catch (error) {
      failures.push(`${formatAddress(address)}: ${reasonOf(error)}`);
    }
  }
  if (session.aborted) throw session.aborted;
  throw new SessionError("connect-failed", `${destination.asked}: ${failures.join("; ")}`);
}
