import type { Config, TunnelConfig } from "../config/schema.ts";
import { type MaterialFault, MaterialFaults } from "./material-faults.ts";

/** A setting with which TLS protects less than it could. */
export interface Weakness {
  readonly tunnel: string;
  /** Where it stands, for example `["tunnels", "web", "frontend", "tls", "legacy"]`. */
  readonly path: readonly string[];
  readonly key: "legacy" | "keyLog" | "client";
}

/** Every such setting, wherever in a tunnel it stands: its own ends and its routes. */
export function weaknessesIn({ tunnels }: Config): readonly Weakness[] {
  return tunnels.flatMap((tunnel) => {
    const found = [...settings(tunnel, ["tunnels", tunnel.name]), ...openDoors(tunnel)];
    return found.map((one) => ({ ...one, tunnel: tunnel.name }));
  });
}

/** Where clients get in without a certificate on an address where others must show one. That may be meant. */
function openDoors(tunnel: TunnelConfig): readonly Omit<Weakness, "tunnel">[] {
  const { name, frontend, routes = [], unmatched } = tunnel;
  const path = ["tunnels", name];
  const doors = [
    ...(frontend.tls && unmatched !== "refuse" ? [{ path: [...path, "frontend"], tls: frontend.tls }] : []),
    ...routes.flatMap(({ name: route, tls }) =>
      typeof tls === "object" ? [{ path: [...path, "routes", route], tls }] : [],
    ),
  ];
  const open = doors.filter(({ tls }) => !tls.psk && tls.client?.verify !== "required");
  return open.length < doors.length ? open.map((door) => ({ key: "client", path: door.path })) : [];
}

/** @throws MaterialFaults naming each key log and the remedy */
export function refuseKeyLogs(config: Config): void {
  const faults = weaknessesIn(config)
    .filter(({ key }) => key === "keyLog")
    .map(
      ({ path }): MaterialFault => ({
        path,
        message:
          "a key log lets whoever has it read all that TLS protects; leave it out, or start with --insecure-debug",
      }),
    );
  if (faults.length > 0) throw new MaterialFaults(faults);
}

function* settings(block: object, path: readonly string[]): Generator<Omit<Weakness, "tunnel">> {
  for (const [key, value] of Object.entries(block)) {
    if (key === "legacy" && value === true) yield { key, path: [...path, key] };
    if (key === "keyLog" && typeof value === "string") yield { key, path: [...path, key] };
    if (typeof value === "object" && value !== null) yield* settings(value, [...path, key]);
  }
}
