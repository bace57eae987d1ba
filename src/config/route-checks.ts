import { wildcardOf } from "../core/server-name.ts";
import type { BackendEntry, TunnelEntry } from "./entries.ts";
import { asksForTls, carriesOver, routeName, routeProtocols } from "./routes.ts";
import type { RouteOptions } from "./schema.ts";
import type { Fault, Path } from "./source.ts";

/** A route that is valid by itself, and where it stands. */
interface Placed {
  readonly options: RouteOptions;
  readonly place: number;
  readonly path: Path;
}

/** What is wrong with the routes of a tunnel beside each other, its frontend and its backends. */
export function checkRoutes(tunnel: TunnelEntry, backends: readonly BackendEntry[]): readonly Fault[] {
  const routes = tunnel.routes.flatMap((options, place): Placed[] =>
    options ? [{ options, place, path: [...tunnel.path, "routes", place] }] : [],
  );
  const faults = new Map(routes.map((route) => [route, checkTls(route, tunnel)]));
  // what a route is for that contradicts itself nobody knows
  const sound = routes.filter((route) => faults.get(route)?.length === 0);
  return [
    ...findTwins(routes),
    ...[...faults.values()].flat(),
    ...routes.flatMap((route) => checkPassthrough(route, backends)),
    ...sound.flatMap((route, index) => findShadows(route, sound.slice(0, index), tunnel)),
    ...checkFrontendTls(tunnel, routes),
  ];
}

function findTwins(routes: readonly Placed[]): readonly Fault[] {
  const names = routes.map(({ options, place }) => routeName(options, place));
  return routes.flatMap(({ path }, index) => {
    const first = names.indexOf(names[index] ?? "");
    if (first === index) return [];
    const message = `route ${(routes[first]?.place ?? 0) + 1} of this tunnel is called ${JSON.stringify(names[index])} too`;
    return [{ path: [...path, "name"], message }];
  });
}

/** Whether it is clear what is to become of TLS, and of everything else. */
function checkTls({ options, path }: Placed, { frontend }: TunnelEntry): readonly Fault[] {
  const { match, tls } = options;
  const named = match.protocol;
  const plain = named?.filter((protocol) => protocol !== "tls") ?? [];
  const [first] = plain;
  if (named?.includes("tls") && first !== undefined)
    return [
      {
        path: [...path, "match", "protocol"],
        message: `a route is either for tls or for plain protocols; give ${first} a route of its own`,
      },
    ];
  if (first !== undefined && asksForTls(match)) {
    const key = match.serverName ? "serverName" : "alpn";
    return [
      { path: [...path, "match", key], message: `clients that speak ${first} send none; only tls does` },
    ];
  }
  if (first !== undefined && tls !== undefined)
    return [
      { path: [...path, "tls"], message: `clients that speak ${first} do not speak TLS; leave "tls" out` },
    ];
  const speaksTls = named !== undefined || asksForTls(match);
  if (first === undefined && speaksTls && tls === undefined && frontend && !frontend.tls)
    return [
      {
        path,
        message:
          'this route is for TLS, and the frontend has no "tls": give the route tls: passthrough, or tls: { cert, key }',
      },
    ];
  return checkAlpn({ options, path });
}

/** Whoever matches would be refused in the handshake. */
function checkAlpn({ options: { match, tls }, path }: Pick<Placed, "options" | "path">): readonly Fault[] {
  if (!match.alpn || typeof tls !== "object" || !tls.alpn) return [];
  if (match.alpn.some((protocol) => tls.alpn?.includes(protocol))) return [];
  const message = `clients come here for ${match.alpn.join(", ")}, but tls.alpn of the route has none of it`;
  return [{ path: [...path, "match", "alpn"], message }];
}

function checkPassthrough({ options, path }: Placed, backends: readonly BackendEntry[]): readonly Fault[] {
  const { tls, backend } = options;
  if (tls !== "passthrough") return [];
  const found =
    typeof backend === "string" ? backends.find(({ name }) => name === backend)?.backend : backend;
  if (!found) return [];
  const place = [...path, "backend"];
  const faults: Fault[] = [];
  if (carriesOver(found))
    faults.push({
      path: typeof backend === "string" ? place : [...place, "failover"],
      message: `failover: ${found.failover} cannot carry a TLS session that is passed through to another target; take connect or off`,
    });
  if (found.tls)
    faults.push({
      path: typeof backend === "string" ? place : [...place, "tls"],
      message:
        "passthrough forwards the client's own TLS; with tls in the backend it would be wrapped in another",
    });
  return faults;
}

/** A route, or a name of one, that an earlier route takes every session of. */
function findShadows(
  { options, path }: Placed,
  before: readonly Placed[],
  { frontend }: TunnelEntry,
): readonly Fault[] {
  const spoken = routeProtocols(options, frontend);
  const { match } = options;
  const covering = before.filter(({ options: earlier }) => {
    const theirs = routeProtocols(earlier, frontend);
    return (
      covers(theirs, spoken) &&
      covers(earlier.match.alpn, match.alpn) &&
      covers(earlier.match.client, match.client)
    );
  });
  const taker = (name: string | undefined) =>
    covering.find(({ options: { match: theirs } }) => {
      if (!theirs.serverName) return true;
      return name !== undefined && fits(name, theirs.serverName);
    });
  const explain = (what: string, { options: by, place }: Placed) =>
    `${what} is never reached: route ${routeName(by, place)} takes all of it before`;
  if (!match.serverName) {
    const by = taker(undefined);
    return by ? [{ path, message: explain("this route", by) }] : [];
  }
  const single = match.serverName.length === 1;
  return match.serverName.flatMap((name, index) => {
    const by = taker(name);
    const place = [...path, "match", "serverName", ...(single ? [] : [index])];
    return by ? [{ path: place, message: explain(name, by) }] : [];
  });
}

/** No condition covers every condition. */
function covers(earlier: readonly string[] | undefined, later: readonly string[] | undefined): boolean {
  return !earlier || later?.every((one) => earlier.includes(one)) === true;
}

function fits(name: string, patterns: readonly string[]): boolean {
  return patterns.includes(name) || (!name.startsWith("*.") && patterns.includes(wildcardOf(name) ?? ""));
}

/** An identity that nobody is ever shown is a mistake. */
function checkFrontendTls(
  { frontend, backend, raw, path }: TunnelEntry,
  routes: readonly Placed[],
): readonly Fault[] {
  const hasBackend = typeof raw === "object" && raw !== null && "backend" in raw;
  if (!frontend?.tls || backend !== undefined || hasBackend || routes.length === 0) return [];
  const isUsed = routes.some(
    ({ options }) => options.tls === undefined && routeProtocols(options, frontend)?.includes("tls"),
  );
  if (isUsed) return [];
  return [
    {
      path: [...path, "frontend", "tls"],
      message: "no route uses the frontend's tls, and the tunnel has no backend of its own that would",
    },
  ];
}
