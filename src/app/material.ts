import { isDeepStrictEqual } from "node:util";
import type { BackendConfig, Config, RouteConfig, TunnelConfig } from "../config/schema.ts";
import type { Path } from "../config/source.ts";
import type { Events } from "../core/events.ts";
import { Pace } from "../core/pace.ts";
import { type ClientTls, loadClientTls, loadServerTls, type ServerTls } from "../tls/contexts.ts";
import { diskFiles, type FileRecord, fingerprint, RecordedFiles, type TlsFiles } from "../tls/files.ts";
import { type Identity, MaterialError } from "../tls/identity.ts";
import type { ClientTlsOptions, ServerTlsOptions } from "../tls/options.ts";
import type { TunnelCrl } from "../tls/revocation/crl-watch.ts";
import { faultAt, type MaterialFault, MaterialFaults } from "./material-faults.ts";
import { negotiationFaults } from "./negotiations.ts";

/** Something that was made of files, and what they held. */
export interface Loaded<Value> {
  readonly value: Value;
  readonly options: unknown;
  readonly record: FileRecord;
  readonly fingerprint: string;
}

/** What a tunnel's `tls` blocks name, read and checked. */
export interface TunnelMaterial extends WayMaterial {
  /** Of each route, by its place in the list. */
  readonly routes?: readonly WayMaterial[];
}

export interface WayMaterial {
  readonly server?: Loaded<ServerTls>;
  readonly client?: Loaded<ClientTls>;
}

/** By the tunnel's name. */
export type Material = ReadonlyMap<string, TunnelMaterial>;

/** Warn this long before a certificate expires, or a third of its life if that is shorter. */
const expiryNotice = 30 * 86_400_000;

export interface MaterialOptions {
  /** Where files are read from. Default: the disk as it is now. */
  readonly files?: TlsFiles | undefined;
  /** What ticket keys are derived from. Default: random bytes, other ones for each frontend. */
  readonly ticketSecret?: Buffer | undefined;
  /** What is in use: of this is kept what its options and files have not changed. */
  readonly previous?: Material | undefined;
}

/**
 * Reads every certificate and key, and looks whether passwords can be read.
 *
 * @throws MaterialFaults with everything that is wrong
 */
export async function loadMaterial(config: Config, given: MaterialOptions = {}): Promise<Material> {
  const { files = diskFiles, ticketSecret, previous } = given;
  const faults: MaterialFault[] = [...negotiationFaults(config)];
  const pace = new Pace();
  const attempt = async <Value>(
    path: Path,
    before: Loaded<Value> | undefined,
    { options, load }: { readonly options: unknown; readonly load: (files: TlsFiles) => Promise<Value> },
  ): Promise<Loaded<Value> | undefined> => {
    await pace.breathe();
    try {
      if (before && isDeepStrictEqual(before.options, options) && (await isSame(before, files)))
        return before;
      const record = new RecordedFiles(files);
      const value = await load(record);
      return { value, options, record, fingerprint: fingerprint(record) };
    } catch (error) {
      if (!(error instanceof MaterialError)) throw error;
      faults.push(faultAt(path, error));
      return undefined;
    }
  };
  const material = new Map<string, TunnelMaterial>();
  const readServer = (path: Path, { tls, scope, before }: ServerSource) =>
    attempt([...path, "tls"], before, {
      options: scope === path[1] ? tls : { scope, tls },
      load: (record) => loadServerTls(tls as ServerTlsOptions, scope, { files: record, ticketSecret }),
    });
  const readClient = (path: Path, tls: BackendConfig["tls"], before: Loaded<ClientTls> | undefined) =>
    tls &&
    attempt([...path, "tls"], before, {
      options: tls,
      load: (record) => loadClientTls(tls as ClientTlsOptions, { files: record }),
    });
  for (const { frontend, backend, routes, name, unmatched } of config.tunnels) {
    const before = previous?.get(name);
    const path = ["tunnels", name];
    const { tls } = frontend;
    const server =
      tls && (await readServer([...path, "frontend"], { tls, scope: name, before: before?.server }));
    const client =
      unmatched === "refuse"
        ? undefined
        : await readClient([...path, "backend"], backend.tls, before?.client);
    const ways: WayMaterial[] = [];
    for (const [place, route] of (routes ?? []).entries()) {
      const scope = routeScope(name, route);
      const old = before?.routes ?? [];
      const own =
        typeof route.tls === "object"
          ? await readServer([...path, "routes", place], {
              ...{ tls: route.tls, scope },
              before: (old.find(({ server }) => isOfScope(server, scope)) ?? old[place])?.server,
            })
          : undefined;
      const towards = await readClient(
        [...path, "routes", place, "backend"],
        route.backend.tls,
        old[place]?.client,
      );
      ways.push(wayMaterial(own, towards));
    }
    material.set(name, { ...wayMaterial(server, client), ...(routes ? { routes: ways } : {}) });
  }
  if (faults.length > 0) throw new MaterialFaults(faults);
  return material;
}

interface ServerSource {
  readonly tls: Readonly<ServerTlsOptions>;
  /** Tickets under one scope open no other. */
  readonly scope: string;
  readonly before: Loaded<ServerTls> | undefined;
}

/**
 * Names a route for its tickets by what it is for, not by its place: when routes change places, no ticket changes sides. No
 * tunnel has such a name.
 */
function routeScope(tunnel: string, { match }: RouteConfig): string {
  return JSON.stringify([tunnel, "route", match]);
}

function isOfScope(loaded: Loaded<ServerTls> | undefined, scope: string): boolean {
  const { options } = loaded ?? {};
  return typeof options === "object" && options !== null && "scope" in options && options.scope === scope;
}

function wayMaterial(
  server: Loaded<ServerTls> | undefined,
  client: Loaded<ClientTls> | undefined,
): WayMaterial {
  return { ...(server ? { server } : {}), ...(client ? { client } : {}) };
}

/** Everything that was made for a tunnel, once. */
export function allOf({
  server,
  client,
  routes = [],
}: TunnelMaterial): readonly Loaded<ServerTls | ClientTls>[] {
  const all = [{ server, client }, ...routes].flatMap((way) => [way.server, way.client]);
  return [...new Set(all)].filter((loaded) => loaded !== undefined);
}

/** Every certificate of ours in it. */
export function identitiesOf(tls: ServerTls | ClientTls): readonly Identity[] {
  return [...(tls.identity ? [tls.identity] : []), ...("others" in tls ? tls.others : [])];
}

/** Whether the files that it was made of still hold the same. */
async function isSame({ record, fingerprint: before }: Loaded<unknown>, files: TlsFiles): Promise<boolean> {
  const now = new RecordedFiles(files);
  try {
    for (const path of record.files.keys()) await now.read(path);
    for (const folder of record.folders.keys()) await now.list(folder);
  } catch {
    // loading it anew will say what is wrong
    return false;
  }
  return fingerprint(now) === before;
}

/** Everything that was read for it. */
export function recordOf(material: Material): FileRecord {
  const records = [...material.values()].flatMap(allOf).map(({ record }) => record);
  return {
    files: new Map(records.flatMap(({ files }) => [...files])),
    folders: new Map(records.flatMap(({ folders }) => [...folders])),
  };
}

/** The tunnels for which the files hold something else. */
export function changedMaterial(before: Material, now: Material): readonly string[] {
  return [...now].flatMap(([name, material]) => {
    const same = isDeepStrictEqual(prints(allOf(before.get(name) ?? {})), prints(allOf(material)));
    return same ? [] : [name];
  });
}

function prints(loaded: readonly Loaded<unknown>[]): readonly string[] {
  return loaded.map((one) => one.fingerprint);
}

/** Tells what an operator should know about the material before it is used. */
export function reviewMaterial(config: Config, material: Material, events: Events): void {
  for (const tunnel of config.tunnels) {
    const read = material.get(tunnel.name) ?? {};
    for (const { value } of allOf(read))
      for (const identity of identitiesOf(value)) warnOfExpiry(tunnel, identity, events);
    for (const { client } of [read, ...(read.routes ?? [])])
      if (client && client.value.verify !== "full")
        events.emit("tls.unverified", { tunnel: tunnel.name, verify: client.value.verify });
  }
}

/** The CRLs of every tunnel. */
export function crlsIn(material: Material): readonly TunnelCrl[] {
  return [...material].flatMap(([tunnel, read]) =>
    allOf(read).flatMap(({ value: { revocation } }) =>
      (revocation?.policy.crls ?? []).map((filed) => ({ ...filed, tunnel })),
    ),
  );
}

function warnOfExpiry(tunnel: TunnelConfig, identity: Identity, events: Events): void {
  const { validFromDate, validToDate } = identity.leaf;
  const life = validToDate.getTime() - validFromDate.getTime();
  if (validToDate.getTime() - Date.now() > Math.min(expiryNotice, life / 3)) return;
  events.emit("certificate.expiring", {
    tunnel: tunnel.name,
    source: identity.source,
    notAfter: validToDate,
  });
}
