import { accessSync, constants, readdirSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import type { HealthOptions } from "../backend/health/options.ts";
import type { BackendOptions } from "../backend/options.ts";
import type { Address } from "../core/address.ts";
import { describeSocketError } from "../net/socket-error.ts";
import type { BackendEntry, Entries, TunnelEntry } from "./entries.ts";
import { findClashes, listeners } from "./listeners.ts";
import { backendFaults, frontendFaults } from "./negotiations.ts";
import { checkRoutes } from "./route-checks.ts";
import { type Fault, type Path, type Source, valueAt } from "./source.ts";
import { nearest, suggestion } from "./suggest.ts";

export interface LocatedFault {
  readonly source: Source;
  readonly fault: Fault;
}

/**
 * What no schema of one place can see: names that must exist once, listeners in each other's way, missing files.
 *
 * @param health the checks that backends inherit
 */
export function checkEntries(entries: Entries, health?: HealthOptions): LocatedFault[] {
  const { tunnels, backends } = entries;
  const enabled = tunnels.filter((tunnel) => tunnel.enabled);
  return [
    ...findTwins(tunnels),
    ...findTwins(backends),
    ...tunnels.flatMap((tunnel) =>
      backendPlaces(tunnel).flatMap((place) => checkBackendName(tunnel, place, backends)),
    ),
    ...tunnels.flatMap((tunnel) =>
      checkRoutes(tunnel, backends).map((fault) => ({ source: tunnel.source, fault })),
    ),
    ...findClashes(listeners(tunnels)),
    ...listeners(tunnels).flatMap(({ tunnel, address, path }) => checkSocketPath(tunnel, address, path)),
    // files of a disabled tunnel may be yet to come
    ...enabled.flatMap((tunnel) => checkFiles(tunnel, ["frontend", "tls"])),
    ...enabled.flatMap((tunnel) => checkFiles(tunnel, ["backend", "tls"])),
    ...enabled.flatMap((tunnel) =>
      tunnel.routes.flatMap((_, place) => [
        ...checkFiles(tunnel, ["routes", place, "tls"]),
        ...checkFiles(tunnel, ["routes", place, "backend", "tls"]),
      ]),
    ),
    ...backends.flatMap((backend) => checkFiles(backend, ["tls"])),
    ...enabled.flatMap((tunnel) =>
      backendPlaces(tunnel).flatMap(({ backend, path }) => checkBackend(tunnel, backend, path)),
    ),
    ...tunnels.flatMap((tunnel) => checkNegotiations(tunnel, backends)),
    ...backends.flatMap((entry) => checkBackend(entry, entry.backend, entry.path)),
    ...enabled.flatMap((tunnel) =>
      backendPlaces(tunnel).flatMap(({ backend, path }) => checkHealth(tunnel, backend, { path, health })),
    ),
    ...backends.flatMap((entry) => checkHealth(entry, entry.backend, { path: entry.path, health })),
  ];
}

type Entry = TunnelEntry | BackendEntry;

function checkNegotiations(tunnel: TunnelEntry, shared: readonly BackendEntry[]): LocatedFault[] {
  const backends = backendPlaces(tunnel).flatMap(({ backend: named, path }) => {
    const backend = typeof named === "string" ? shared.find(({ name }) => name === named)?.backend : named;
    return backend ? [{ backend, path }] : [];
  });
  const faults = [
    ...frontendFaults(
      tunnel,
      backends.map(({ backend }) => backend),
    ),
    ...backends.flatMap(({ backend, path }) => backendFaults({ frontend: tunnel.frontend, backend, path })),
  ];
  return faults.flatMap(({ path, message }) => at(tunnel, path, message));
}

/** Within one file the document reader has seen them already. */
function findTwins(entries: readonly Entry[]): LocatedFault[] {
  const seen = new Map<string, Entry>();
  const faults: LocatedFault[] = [];
  for (const entry of entries) {
    const first = seen.get(entry.name);
    if (first)
      faults.push({
        source: entry.source,
        fault: {
          path: entry.path,
          part: "key",
          message: `${entry.path[0] === "tunnels" ? "a tunnel" : "a backend"} of this name is already in ${first.source.file}`,
        },
      });
    else seen.set(entry.name, entry);
  }
  return faults;
}

interface BackendPlace {
  readonly backend: BackendOptions | string | undefined;
  readonly path: Path;
}

/** The tunnel's own backend and those of its routes. */
function backendPlaces({ backend, routes, path }: TunnelEntry): readonly BackendPlace[] {
  return [
    { backend, path: [...path, "backend"] },
    ...routes.map((route, place) => ({
      backend: route?.backend,
      path: [...path, "routes", place, "backend"],
    })),
  ];
}

function checkBackendName(
  tunnel: TunnelEntry,
  { backend: name, path }: BackendPlace,
  backends: readonly BackendEntry[],
): LocatedFault[] {
  if (typeof name !== "string" || backends.some((backend) => backend.name === name)) return [];
  const names = [...new Set(backends.map((backend) => backend.name))];
  const hint = suggestion(name, names, "there are");
  const remedy = nearest(name, names) === undefined ? `; for an address write ${name}:PORT` : "";
  return at(tunnel, path, `no backend "${name}" under backends${hint}${remedy}`);
}

function checkBackend(
  entry: Entry,
  backend: BackendOptions | string | undefined,
  path: Path,
): LocatedFault[] {
  if (typeof backend !== "object") return [];
  const faults: LocatedFault[] = [];
  for (const [index, target] of backend.targets.entries()) {
    const place = [...path, "targets", index];
    faults.push(...checkSocketPath(entry, target.address, place));
    if (target.checkAddress)
      faults.push(...checkSocketPath(entry, target.checkAddress, [...place, "checkAddress"]));
    const named = target.tls?.serverName ?? backend.tls?.serverName;
    if (
      target.address.kind === "unix" &&
      backend.tls?.verify === "full" &&
      !backend.tls.psk &&
      typeof named !== "string"
    )
      faults.push(
        ...at(
          entry,
          place,
          "a unix socket has no host name to check the certificate against; give tls.serverName, or tls.verify: chain",
        ),
      );
  }
  return faults;
}

/** A probe can speak TLS only as the backend's sessions do. */
function checkHealth(
  entry: Entry,
  backend: BackendOptions | string | undefined,
  { path, health: inherited }: { readonly path: Path; readonly health: HealthOptions | undefined },
): LocatedFault[] {
  if (typeof backend !== "object" || backend.tls) return [];
  const own = backend.health;
  const { type, options } = { ...(own?.type === undefined ? inherited : own) };
  if ((own?.interval ?? inherited?.interval) === 0 || !(type === "tls" || options?.["tls"] === true))
    return [];
  const message = `the health check is to speak TLS, but the backend has no "tls" that says whom to trust`;
  return own
    ? at(entry, [...path, "health"], message)
    : at(entry, path, `${message} (health is from defaults)`);
}

/** sockaddr_un holds 108 bytes with the closing NUL (unix(7)); a relative path has grown since it was parsed. */
function checkSocketPath(entry: Entry, address: Address, path: Path): LocatedFault[] {
  if (address.kind !== "unix" || Buffer.byteLength(address.path) <= 107) return [];
  return at(entry, path, `a unix socket path has at most 107 bytes; this one is ${address.path}`);
}

/** Where a `tls` block names files. */
const identityPlaces: readonly Path[] = [["cert"], ["key"], ["pfx"], ["passphrase", "file"]];
const filePlaces: readonly Path[] = [
  ...identityPlaces,
  ["ca"],
  ["client", "ca"],
  ["session", "keys"],
  ["psk", "file"],
  ["client", "allow", "certificates"],
  ["client", "authorize", "ca"],
  ["allow", "certificates"],
  ["ocspStapling", "issuer"],
];

/** Where it names files or folders, one or a list of them. */
const listPlaces: readonly Path[] = [["crl"], ["client", "crl"]];

/** Looks at the data as it was read: an error elsewhere in the block does not hide a missing file. */
function checkFiles(entry: Entry, block: Path): LocatedFault[] {
  const lists = listPlaces.flatMap((place): Path[] => {
    const named = valueAt(entry.raw, [...block, ...place]);
    return Array.isArray(named) ? named.map((_, index) => [...place, index]) : [place];
  });
  const more = valueAt(entry.raw, [...block, "certificates"]);
  const places = Array.isArray(more)
    ? [
        ...filePlaces,
        ...more.flatMap((_, index): Path[] =>
          identityPlaces.map((place) => ["certificates", index, ...place]),
        ),
      ]
    : filePlaces;
  return [
    ...places.flatMap((place) => checkFile(entry, [...block, ...place])),
    ...lists.flatMap((place) => checkFile(entry, [...block, ...place], { orFolder: true })),
  ];
}

function checkFile(entry: Entry, path: Path, { orFolder = false } = {}): LocatedFault[] {
  const file = valueAt(entry.raw, path);
  if (typeof file !== "string" || file === "" || file.includes("\0")) return [];
  const problem = problemWith(entry.resolvePath(file), orFolder);
  return problem === undefined ? [] : at(entry, [...entry.path, ...path], problem);
}

/** Only whether it can be read; what is in it is looked at when it is used. */
function problemWith(file: string, orFolder: boolean): string | undefined {
  try {
    if (statSync(file).isDirectory() && !orFolder) return `${file} is a folder, not a file`;
    accessSync(file, constants.R_OK);
    return undefined;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") return `there is no file ${file}${neighbour(file)}`;
    if (code === "EACCES") return `${file} cannot be read: permission denied`;
    return `${file} cannot be read: ${describeSocketError(error)}`;
  }
}

function neighbour(file: string): string {
  try {
    const candidate = nearest(basename(file), readdirSync(dirname(file)));
    return candidate === undefined ? "" : `; did you mean "${candidate}"?`;
  } catch {
    return "; its folder is missing too";
  }
}

function at({ source }: Entry, path: Path, message: string): LocatedFault[] {
  return [{ source, fault: { path, message } }];
}
