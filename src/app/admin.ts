import type { AdminOptions } from "../admin/options.ts";
import type { AdminServer } from "../admin/server.ts";
import { dataJsonSchema, type JsonSchema } from "../config/json-schema.ts";
import { type Address, formatAddress } from "../core/address.ts";
import type { Control } from "../core/control.ts";
import type { Events } from "../core/events.ts";
import { loopback } from "../core/network.ts";
import type { Plugins } from "../core/plugin.ts";
import type { Bind } from "../net/listen.ts";
import { MaterialError } from "../tls/identity.ts";
import { faultAt, MaterialFaults } from "./material-faults.ts";
import { version } from "./version.ts";

export interface AdminContext {
  readonly control: Control;
  readonly events: Events;
  readonly plugins: Plugins;
  readonly bind: Bind;
}

/**
 * Reads what the `admin` block names.
 *
 * @throws MaterialFaults
 */
export async function loadAdmin(options: AdminOptions) {
  // programs without the block do without its libraries
  const { loadAdminMaterial } = await import("../admin/server.ts");
  const { TokenError } = await import("../admin/tokens.ts");
  try {
    return await loadAdminMaterial(options);
  } catch (error) {
    if (error instanceof MaterialError) throw new MaterialFaults([faultAt(["admin", "http", "tls"], error)]);
    if (error instanceof TokenError)
      throw new MaterialFaults([{ path: ["admin", "http", "tokens"], message: error.message }]);
    throw error;
  }
}

/**
 * Opens the ways in that the `admin` block names.
 *
 * @throws MaterialFaults, ListenError
 */
export async function startAdmin(
  options: AdminOptions,
  { control, events, plugins, bind }: AdminContext,
): Promise<AdminServer> {
  const material = await loadAdmin(options);
  const { openAdmin } = await import("../admin/server.ts");
  const { createApi } = await import("../admin/api.ts");
  const { lineSpeaker } = await import("../admin/lines/speak.ts");
  const audit = (write: Parameters<typeof events.emit<"admin.write">>[1]) =>
    events.emit("admin.write", write);
  const api = createApi({ control, audit, version: version(), blocks: () => blocksOf(plugins) });
  const speakLines = lineSpeaker({ control, audit, stateFile: options.state });
  const admin = await openAdmin({ options, material, api, speakLines, bind });
  const { listen, tls } = options.http ?? {};
  if (listen && !tls && !isLocal(listen)) events.emit("admin.exposed", { address: formatAddress(listen) });
  return admin;
}

/** Whether only this machine can reach it. A name other than `localhost` may be anything, and is not taken for it. */
function isLocal(address: Address): boolean {
  return loopback.contains(address) || (address.kind === "tcp" && address.host === "localhost");
}

/** The schemas of what requests hold: the same as for a file. */
function blocksOf(plugins: Plugins) {
  const config = dataJsonSchema(plugins);
  const tunnel = valueSchema(config.properties?.["tunnels"]);
  const backend = tunnel.properties?.["backend"]?.anyOf ?? [];
  const list = backend.find(({ type }) => type === "array");
  return { config: { ...config }, tunnel: { ...tunnel }, target: { ...(list?.items ?? {}) } };
}

function valueSchema(record: JsonSchema | undefined): JsonSchema {
  return Object.values(record?.patternProperties ?? {})[0] ?? {};
}
