import type { NetworkList } from "../core/network.ts";
import { wildcardOf } from "../core/server-name.ts";
import type { Protocol, Session } from "../core/session.ts";
import type { Route } from "../core/stage.ts";

/** Which sessions take a route; every condition that is there must hold. */
export interface RouteMatch {
  /** Canonical names, and `*.` patterns for one label. */
  readonly serverNames?: readonly string[] | undefined;
  /** It is enough that the client offers one of them. */
  readonly alpn?: readonly string[] | undefined;
  readonly clients?: NetworkList | undefined;
  readonly protocols?: readonly Protocol[] | undefined;
}

export interface NamedRoute {
  readonly name: string;
  readonly match: RouteMatch;
  readonly route: Route;
}

/**
 * Finds the first route that a session matches, and notes its name; else `unmatched`. Names are looked up, not searched:
 * thousands of routes cost a session no more than one.
 *
 * The name is the one that we have read. What `tls` says of a resumed session is not to be trusted with a decision.
 */
export function routeTable(
  routes: readonly NamedRoute[],
  unmatched: Route | undefined,
): (session: Session) => Route | undefined {
  /** Places in the list, by name or pattern; those of routes for any name under "". */
  const places = new Map<string, number[]>();
  for (const [place, { match }] of routes.entries())
    for (const name of match.serverNames ?? [""]) places.set(name, [...(places.get(name) ?? []), place]);
  const anyName = places.get("") ?? [];
  return (session) => {
    const name = session.opening?.serverName;
    const wildcard = name === undefined ? undefined : wildcardOf(name);
    const own = name === undefined ? [] : (places.get(name) ?? []);
    const wild = wildcard === undefined ? [] : (places.get(wildcard) ?? []);
    const candidates =
      own.length + wild.length === 0 ? anyName : [...own, ...wild, ...anyName].toSorted((a, b) => a - b);
    for (const place of candidates) {
      const candidate = routes[place];
      if (!candidate || !holds(candidate.match, session)) continue;
      session.route = candidate.name;
      return candidate.route;
    }
    return unmatched;
  };
}

function holds({ alpn, clients, protocols }: RouteMatch, { opening, client, local }: Session): boolean {
  if (protocols && !(opening && protocols.includes(opening.protocol))) return false;
  if (alpn && !opening?.alpn?.some((offered) => alpn.includes(offered))) return false;
  // a TCP client that has left already has no address any more, and must not pass for one of a unix socket
  return !clients || (client.kind === local.kind && clients.contains(client));
}
