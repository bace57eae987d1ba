import { isDeepStrictEqual } from "node:util";
import type { RouteConfig, TunnelConfig } from "../config/schema.ts";
import type { Events } from "../core/events.ts";
import { networkList } from "../core/network.ts";
import type { Pace } from "../core/pace.ts";
import type { RelayMode, Session } from "../core/session.ts";
import type { Route } from "../core/stage.ts";
import type { ClientCounts } from "../frontend/client-shares.ts";
import type { FrontendPlan } from "../frontend/frontend.ts";
import type { Limits, LimitsOptions } from "../frontend/limits.ts";
import type { Availability } from "../frontend/listeners.ts";
import { negotiate } from "../frontend/negotiate.ts";
import { type NamedRoute, routeTable } from "../frontend/routes.ts";
import { refuse } from "../handler/refuse.ts";
import type { Backing } from "./backing.ts";
import { limitsOptionsOf, planFrontend, throttleOf } from "./frontend.ts";
import type { TunnelMaterial } from "./material.ts";
import { serverNegotiation } from "./negotiations.ts";
import { buildGate, buildWay, type Gate, needsPeek, type Way, type WayContext } from "./way.ts";

/** A tunnel as one configuration has it; the next one makes another. */
export interface Tunnel {
  readonly name: string;
  readonly config: TunnelConfig;
  readonly material: TunnelMaterial;
  /** Of its own backend, then of each route. */
  readonly backings: readonly Backing[];
  readonly relay: RelayMode;
  readonly limits: Limits | undefined;
  readonly counts: ClientCounts;
  readonly plan: FrontendPlan;
  /** By what they are for. */
  readonly gates: ReadonlyMap<string, Gate>;
  /** Makes what it has in common with the tunnel that it replaces its own. */
  takeOver(): void;
  /** Releases what is neither a listener nor a session. Handshakes under way go on. */
  close(): void;
}

export interface TunnelParts {
  readonly config: TunnelConfig;
  readonly material: TunnelMaterial;
  readonly backings: readonly Backing[];
  readonly relay: RelayMode;
}

/** @param previous what it replaces: its connections go on counting */
export async function buildTunnel(
  parts: TunnelParts,
  { events, pace }: { readonly events: Events; readonly pace: Pace },
  previous?: Tunnel,
): Promise<Tunnel> {
  const { config, material, backings } = parts;
  const { frontend, routes = [] } = config;
  const { timeouts } = frontend;
  const [backing, ...routeBackings] = backings;
  if (!backing) throw new RangeError("a tunnel has a backend");
  const negotiation = serverNegotiation(frontend);
  const hasTls = frontend.tls !== undefined || routes.some(({ tls }) => tls !== "none");
  const talk = negotiation && negotiate(negotiation, { timeout: timeouts.handshake, tls: hasTls });
  const isInside = negotiation?.place === "inside-tls";
  const context: WayContext = {
    ...{ tunnel: config.name, events, timeouts, relay: parts.relay },
    throttle: throttleOf(frontend),
    inside: isInside ? talk : undefined,
  };
  const gates = new Map<string, Gate>();
  const makeGate = (name: string, server = material.server, options = frontend.tls): Gate | undefined => {
    if (!server || !options) return undefined;
    const gate = buildGate(server.value, options, { ...context, previous: previous?.gates.get(name) });
    gates.set(name, gate);
    return gate;
  };
  const peeked = needsPeek(routes);
  const frontendGate = makeGate("frontend");
  const own = buildWay({ config: config.backend, backing, gate: frontendGate, peeked }, context);
  const ways: Way[] = [];
  for (const [place, route] of routes.entries()) {
    await pace.breathe();
    const { tls, backend } = route;
    const own =
      typeof tls === "object"
        ? makeGate(`route ${route.name}`, material.routes?.[place]?.server, tls)
        : undefined;
    const parts = {
      config: backend,
      backing: routeBackings[place] ?? backing,
      gate: tls === "frontend" ? frontendGate : own,
      ...{ peeked, passthrough: tls === "passthrough" },
    };
    ways.push(buildWay(parts, context));
  }
  const used = config.unmatched === "refuse" ? ways : [own, ...ways];
  const { limits, counts, plan } = planFrontend(frontend, {
    bulk: !peeked && used.every(({ isPlain, relay }) => isPlain && relay === "fast"),
    ...{ peeked, match: matcher(config, { own, ways }) },
    negotiation: isInside ? undefined : talk,
    targets: anyOf(backings.map(({ backend }) => backend.targets)),
    previous,
  });
  return {
    ...parts,
    ...{ name: config.name, limits, counts, plan, gates },
    ...lifeOf({
      ...{ gates, ways: [own, ...ways], options: limitsOptionsOf({ frontend, peeked }) },
      inherited: limits === previous?.limits ? limits : undefined,
    }),
  };
}

interface Life {
  readonly gates: ReadonlyMap<string, Gate>;
  readonly ways: readonly Way[];
  /** Limits of the tunnel that is replaced, and what is to become of them. */
  readonly inherited: Limits | undefined;
  readonly options: LimitsOptions | undefined;
}

/** Apart from `buildTunnel`: what lives on must not hold what it replaces, which would hold the one before it, and so on. */
function lifeOf({ gates, ways, inherited, options }: Life): Pick<Tunnel, "takeOver" | "close"> {
  return {
    takeOver: () => {
      if (options) inherited?.configure(options);
      for (const gate of gates.values()) gate.start();
    },
    close: () => {
      for (const gate of gates.values()) gate.close();
      for (const way of ways) way.close();
    },
  };
}

/** Finds the way of a session. */
function matcher(
  { frontend, routes = [], unmatched }: TunnelConfig,
  { own, ways }: { readonly own: Way; readonly ways: readonly Way[] },
): (session: Session) => Route {
  if (routes.length === 0) return () => own.route;
  const ownIsTls = frontend.tls !== undefined;
  const onlyTls = routes.every(isTls) && (unmatched === "refuse" || ownIsTls);
  const refused: Route = { stages: [], handler: refuse({ onlyTls }) };
  const named = routes.flatMap((route, place): NamedRoute[] => {
    const way = ways[place];
    return way ? [{ name: route.name, match: matchOf(route), route: way.route }] : [];
  });
  const find = routeTable(named, undefined);
  return (session) => {
    const found = find(session);
    if (found) return found;
    const isClear = session.opening !== undefined && session.opening.protocol !== "tls";
    return unmatched === "refuse" || (ownIsTls && isClear) ? refused : own.route;
  };
}

function matchOf({ match }: RouteConfig): NamedRoute["match"] {
  const { serverName: serverNames, alpn, client, protocol: protocols } = match;
  return { serverNames, alpn, protocols, clients: client && networkList(client) };
}

function isTls({ match }: RouteConfig): boolean {
  return match.protocol?.includes("tls") === true;
}

/** There is somewhere to go while one of several backends has a usable target. */
function anyOf(all: readonly Availability[]): Availability {
  return {
    get anyUsable() {
      return all.some((one) => one.anyUsable);
    },
    onChange: (watcher) => {
      const unwatch = all.map((one) => one.onChange(watcher));
      return () => {
        for (const end of unwatch) end();
      };
    },
  };
}

/** Whether `before` can simply go on. */
export function isSameTunnel(before: Tunnel, { config, material, backings, relay }: TunnelParts): boolean {
  return (
    before.material.server === material.server &&
    isSameList(serversOf(before.material), serversOf(material)) &&
    isSameList(before.backings, backings) &&
    before.relay === relay &&
    isDeepStrictEqual(before.config, config)
  );
}

function serversOf({ routes = [] }: TunnelMaterial): readonly unknown[] {
  return routes.map(({ server }) => server);
}

function isSameList(before: readonly unknown[], next: readonly unknown[]): boolean {
  return before.length === next.length && before.every((one, place) => one === next[place]);
}
