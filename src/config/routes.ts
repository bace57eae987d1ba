import type { BackendOptions } from "../backend/options.ts";
import { type Protocol, protocols } from "../core/session.ts";
import type { FrontendOptions } from "../frontend/options.ts";
import type { RouteMatchOptions } from "../frontend/route-options.ts";
import type { RouteOptions } from "./schema.ts";

/** What becomes of TLS on a route. */
export type RouteTls = NonNullable<RouteOptions["tls"]> | "frontend" | "none";

/** A route as far as it is known without its backend. */
export type RouteTerms = Pick<RouteOptions, "match" | "tls">;

/** What clients of the route speak; undefined for whatever it is. */
export function routeProtocols(
  { match, tls }: RouteTerms,
  frontend: Pick<FrontendOptions, "tls"> | undefined,
): readonly Protocol[] | undefined {
  const named = match.protocol && [...new Set(match.protocol.flatMap(expand))];
  if (named) return named;
  return tls !== undefined || asksForTls(match) || frontend?.tls ? ["tls"] : undefined;
}

export function routeTls(terms: RouteTerms, frontend: Pick<FrontendOptions, "tls"> | undefined): RouteTls {
  if (terms.tls !== undefined) return terms.tls;
  const speaksTls = routeProtocols(terms, frontend)?.includes("tls") === true;
  return speaksTls && frontend?.tls ? "frontend" : "none";
}

/** Whether it has a condition that only a ClientHello can fulfil. */
export function asksForTls({ serverName, alpn }: RouteMatchOptions): boolean {
  return serverName !== undefined || alpn !== undefined;
}

/** As sessions, logs and errors name it: by its own name, or its place in the list, from 1 on. */
export function routeName({ name }: Pick<RouteOptions, "name">, place: number): string {
  return name ?? `${place + 1}`;
}

/** Whether sessions can be carried on with another target, which passthrough cannot. */
export function carriesOver({ failover }: Pick<BackendOptions, "failover">): boolean {
  return failover === "replay" || failover === "stream";
}

function expand(protocol: Protocol | "plain"): readonly Protocol[] {
  return protocol === "plain" ? protocols.filter((one) => one !== "tls") : [protocol];
}
