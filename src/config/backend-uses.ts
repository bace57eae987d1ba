import type { BackendConfig, TunnelConfig } from "./schema.ts";
import type { Path } from "./source.ts";

/** A backend where a tunnel names it. */
export interface BackendUse {
  readonly backend: BackendConfig;
  readonly path: Path;
  /** Its place among the routes; undefined for the tunnel's own. */
  readonly route: number | undefined;
}

/** Every backend that sessions of a tunnel may go to: the tunnel's own, then those of its routes. */
export function backendUses({ name, backend, routes = [], unmatched }: TunnelConfig): readonly BackendUse[] {
  const own = { backend, path: ["tunnels", name, "backend"], route: undefined };
  return [
    ...(unmatched === "refuse" ? [] : [own]),
    ...routes.map((route, place) => ({
      backend: route.backend,
      path: ["tunnels", name, "routes", place, "backend"],
      route: place,
    })),
  ];
}
