import { Backend } from "../backend/backend.ts";
import type { FrontendConfig } from "../config/schema.ts";
import type { Address } from "../core/address.ts";
import type { Events } from "../core/events.ts";
import type { RelayMode } from "../core/session.ts";
import type { Handler } from "../core/stage.ts";
import { type ForwardOptions, forward } from "../handler/forward.ts";
import type { Backing } from "./backing.ts";

/** Where clients of a frontend go that are not let in: one plain target, never checked and never ejected. */
export function buildRedirect(
  address: Address,
  {
    tunnel,
    backing,
    events,
    ...how
  }: {
    readonly tunnel: string;
    /** Says how long an attempt to connect may take. */
    readonly backing: Backing;
    readonly events: Events;
    readonly timeouts: FrontendConfig["timeouts"];
    readonly relay: RelayMode;
    readonly throttle: ForwardOptions["throttle"];
  },
): Handler & { close(): void } {
  const backend = new Backend({
    name: `${tunnel} redirect`,
    specs: [{ address, weight: 1 }],
    balancer: { pick: (candidates) => onlyOne(candidates) },
    dial: { stages: () => [] },
    connect: { ...backing.config.connect, attempts: 1, race: 0 },
    passive: { failures: 0, eject: 1, resets: false, maxEjected: 0 },
    probed: false,
    initial: "up",
    slowStart: 0,
    events,
  });
  return { ...forward({ backend, ...how }), close: () => backend.close() };
}

function onlyOne<Candidate>([candidate]: readonly Candidate[]): Candidate {
  if (candidate === undefined) throw new RangeError("a redirect has a target");
  return candidate;
}
