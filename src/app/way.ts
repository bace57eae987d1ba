import { reach } from "../backend/reach.ts";
import type { BackendConfig, FrontendConfig, RouteConfig } from "../config/schema.ts";
import type { Events } from "../core/events.ts";
import type { RelayMode } from "../core/session.ts";
import type { Route, Stage } from "../core/stage.ts";
import { type ForwardOptions, forward } from "../handler/forward.ts";
import { redirecting } from "../handler/redirect.ts";
import type { ServerTls } from "../tls/contexts.ts";
import type { ServerTlsOptions } from "../tls/options.ts";
import { requireSameName } from "../tls/same-name.ts";
import type { Backing } from "./backing.ts";
import { buildRedirect } from "./redirect.ts";
import { buildTermination, type RunningTermination } from "./termination.ts";

/** The end of TLS with the clients of a frontend or a route, and what it was made from. */
export interface Gate extends RunningTermination {
  readonly options: Readonly<ServerTlsOptions>;
}

/** What all ways through a tunnel have in common. */
export interface WayContext {
  readonly tunnel: string;
  readonly events: Events;
  readonly timeouts: FrontendConfig["timeouts"];
  readonly throttle: ForwardOptions["throttle"];
  /** What is spoken with clients inside their TLS, if anything. */
  readonly inside?: Stage | undefined;
  /** What the configuration says of all tunnels. */
  readonly relay: RelayMode;
}

/** @param previous what it replaces */
export function buildGate(
  server: ServerTls,
  options: Readonly<ServerTlsOptions>,
  { tunnel, events, timeouts, previous }: WayContext & { readonly previous: Gate | undefined },
): Gate {
  const redirect = options.client?.redirect !== undefined;
  const termination = buildTermination(server, {
    ...{ tunnel, events, redirect, previous },
    timeout: timeouts.handshake,
  });
  return { ...termination, options };
}

export interface WayParts {
  readonly config: BackendConfig;
  readonly backing: Backing;
  /** Absent: bytes are forwarded as they are. */
  readonly gate?: Gate | undefined;
  /** Whether a route was chosen by a hello, which OpenSSL must then have seen in the same way. */
  readonly peeked: boolean;
  /** Whether the target speaks TLS with the client. */
  readonly passthrough?: boolean | undefined;
}

/** One way through a tunnel: to one backend, through one gate or none. */
export interface Way {
  readonly route: Route;
  /** Whether nothing of ours stands between the socket and the relay. */
  readonly isPlain: boolean;
  readonly relay: RelayMode;
  close(): void;
}

/** Bytes that a client may send before its target's first answer and still be carried over to another target. */
const replayLimit = 64 * 1024;

export function buildWay(
  { config, backing, gate, peeked, passthrough = false }: WayParts,
  { tunnel, events, timeouts, throttle, inside, relay: wanted }: WayContext,
): Way {
  // the state of a TLS session that is passed through is the target's alone
  const failover = passthrough ? undefined : failoverOf(config);
  // only Node's own way can change its target under way, or wait between two reads
  const relay = failover || throttle ? "stream" : wanted;
  const backend = config.destination ? reach(config.connect) : backing.backend;
  const usual = forward({ backend, timeouts, relay, failover, throttle });
  const elsewhere = gate?.options.client?.redirect;
  const redirect =
    elsewhere && buildRedirect(elsewhere, { tunnel, backing, events, timeouts, relay, throttle });
  const stages: Stage[] = [];
  if (gate) stages.push(gate.stage);
  if (gate && peeked) stages.push(requireSameName);
  if (passthrough) stages.push(noteOffer);
  if (inside && !passthrough) stages.push(ofThoseLetIn(inside));
  return {
    route: { stages, handler: redirect ? redirecting(usual, redirect) : usual },
    isPlain: stages.length === 0,
    relay,
    close: () => redirect?.close(),
  };
}

/** Who is sent elsewhere speaks with those there, from the first byte on. */
function ofThoseLetIn(stage: Stage): Stage {
  return async (session, stream) => (session.redirected ? stream : stage(session, stream));
}

/** What is known of a session that is passed through: what its client has offered. */
const noteOffer: Stage = async (session, stream) => {
  const { alpn = [] } = session.opening ?? {};
  if (alpn.length > 0) session.alpn = alpn.join(",");
  return stream;
};

/** What happens when a target is lost after it was connected; `off` and `connect` leave it at that. */
function failoverOf({ failover, connect }: BackendConfig): ForwardOptions["failover"] {
  if (failover !== "replay" && failover !== "stream") return undefined;
  return { keep: failover === "replay" ? replayLimit : undefined, attempts: connect.attempts };
}

/** Whether a frontend must look at what clients begin with to find their route. */
export function needsPeek(routes: readonly RouteConfig[]): boolean {
  return routes.some(({ match, tls }) => match.protocol !== undefined || tls === "passthrough");
}
