import { formatAddress } from "../core/address.ts";
import type { EventMap, EventName, Events } from "../core/events.ts";
import { reasonOf } from "../core/outcome.ts";
import type { Session } from "../core/session.ts";
import { sessionRecord } from "../telemetry/session-record.ts";

export type Facts = Readonly<Record<string, unknown>>;

/** What is told of each event; undefined for those that only matter within. */
const factsOf: { readonly [Name in EventName]: ((event: EventMap[Name]) => Facts) | undefined } = {
  "session.opened": ({ session }) => ({ ...brief(session), client: formatAddress(session.client) }),
  "session.closed": ({ session }) => sessionRecord(session),
  "tls.established": undefined,
  "target.connected": undefined,
  "target.failed": ({ session, target, error }) => ({
    ...brief(session),
    target: target.key,
    reason: reasonOf(error),
  }),
  "target.health": asTheyAre,
  "target.admin": asTheyAre,
  "backend.changed": asTheyAre,
  "provider.failed": asTheyAre,
  "provider.recovered": asTheyAre,
  "frontend.listening": asTheyAre,
  "certificate.expiring": asTheyAre,
  "crl.expiring": asTheyAre,
  "ocsp.staple": asTheyAre,
  "tls.unverified": asTheyAre,
  "tls.weakened": asTheyAre,
  ready: ({ listeners }) => ({
    listeners: listeners.map(({ tunnel, address }) => ({ tunnel, address: formatAddress(address) })),
  }),
  "material.applied": asTheyAre,
  "material.rejected": asTheyAre,
  "config.applied": asTheyAre,
  "config.rejected": asTheyAre,
  "admin.write": (write) => ({ ...write }),
  "admin.exposed": asTheyAre,
  "worker.started": asTheyAre,
  "worker.ended": asTheyAre,
  draining: asTheyAre,
  stopped: asTheyAre,
  "plugin.failed": asTheyAre,
};

/** What happened, as plain data. */
export interface Told {
  readonly name: EventName;
  readonly facts: Facts;
}

/** What only the process that carries sessions knows. */
export const sessionEvents: readonly EventName[] = [
  "session.opened",
  "session.closed",
  "target.failed",
  "ocsp.staple",
  "plugin.failed",
];

/** Tells what happens as plain data, while `wanted` says that somebody listens: a session's facts are not free. */
export function tellEvents(
  events: Events,
  { names = Object.keys(factsOf) as EventName[], wanted, tell }: TellOptions,
): void {
  for (const name of names) follow(events, name, { wanted, tell });
}

export interface TellOptions {
  /** Default: all. */
  readonly names?: readonly EventName[];
  wanted(): boolean;
  tell(told: Told): void;
}

function follow<Name extends EventName>(
  events: Events,
  name: Name,
  { wanted, tell }: Omit<TellOptions, "names">,
): void {
  const facts = factsOf[name];
  if (!facts) return;
  events.on(name, (event) => {
    if (wanted()) tell({ name, facts: facts(event) });
  });
}

function asTheyAre(event: Facts): Facts {
  return event;
}

function brief({ id, tunnel }: Session): Facts {
  return { id, tunnel };
}
