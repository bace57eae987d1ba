import type { BackendOptions } from "../backend/options.ts";
import type { FrontendOptions } from "../frontend/options.ts";
import type { TunnelEntry } from "./entries.ts";
import type { Fault, Path } from "./source.ts";

type NegotiationFault = Pick<Fault, "path" | "message">;

/** Negotiations that do not end in TLS, but at a destination. */
const proxies: ReadonlySet<string> = new Set(["connect", "socks"]);

/** Spoken with a target, it says what the client has said first: so the frontend speaks it, too, with TLS or without. */
const heardBefore = "mysql";

/** What a frontend negotiates and then has no use for. */
export function frontendFaults(
  { frontend, routes, path }: TunnelEntry,
  backends: readonly BackendOptions[],
): readonly NegotiationFault[] {
  const served = frontend?.negotiate?.protocol;
  if (served === undefined || proxies.has(served)) return [];
  const faults: NegotiationFault[] = [];
  const isHeard =
    served === heardBefore && backends.some(({ negotiate }) => negotiate?.protocol === heardBefore);
  // without a backend of its own, all that comes is a route's
  const isRouted =
    backends.length === routes.length &&
    routes.every((route) => typeof route?.tls === "object" || route?.tls === "passthrough");
  if (!frontend?.tls && !isHeard && !(routes.length > 0 && isRouted))
    faults.push({
      path: [...path, "frontend", "negotiate"],
      message: `${served} ends in TLS, but the frontend has no "tls"`,
    });
  for (const [place, route] of routes.entries())
    if (route?.match.protocol?.some((protocol) => protocol !== "tls"))
      faults.push({
        path: [...path, "routes", place, "match", "protocol"],
        message: `negotiate: ${served} ends in TLS, so that only protocol: tls can follow`,
      });
  return faults;
}

/** What a backend, wherever it stands in a tunnel, says that does not go with its frontend, or with itself. */
export function backendFaults({
  frontend,
  backend,
  path,
}: {
  readonly frontend: FrontendOptions | undefined;
  readonly backend: BackendOptions;
  readonly path: Path;
}): readonly NegotiationFault[] {
  const faults: NegotiationFault[] = [];
  const served = frontend?.negotiate?.protocol;
  const spoken = backend.negotiate?.protocol;
  if (spoken !== undefined && !proxies.has(spoken) && !backend.tls)
    faults.push({
      path: [...path, "negotiate"],
      message: `${spoken} ends in TLS, but the backend has no "tls"`,
    });
  if (!frontend) return faults;
  if (spoken === heardBefore && served !== heardBefore)
    faults.push({
      path: [...path, "negotiate"],
      message: `${spoken} with a target begins with what its client can do: give the frontend negotiate: { protocol: ${spoken}, version: … }, too`,
    });
  const asks = served !== undefined && proxies.has(served);
  if (asks && !backend.destination)
    faults.push({
      path,
      message: `with negotiate: ${served} clients say where they want to go: write backend: { destination: true }`,
    });
  if (backend.destination && !asks)
    faults.push({
      path: [...path, "destination"],
      message: "no client says where it wants to go: the frontend needs negotiate: socks or connect",
    });
  if (backend.destination)
    for (const key of ["discover", "tls", "proxyProtocol", "negotiate", "health"] as const)
      if (backend[key] !== undefined)
        faults.push({ path: [...path, key], message: "a destination that clients name has none" });
  if (backend.destination && backend.targets.length > 0)
    faults.push({ path: [...path, "targets"], message: "give targets or destination: true, not both" });
  if ((served !== undefined || spoken !== undefined) && backend.failover === "stream")
    faults.push({
      path: [...path, "failover"],
      message: "stream cannot go with negotiate: another target would greet in the middle of a dialogue",
    });
  return faults;
}
