import { dirname, resolve } from "node:path";
import type { BackendOptions } from "../backend/options.ts";
import type { Plugins } from "../core/plugin.ts";
import { checkEntries } from "./checks.ts";
import { ConfigError, diagnose, InputError } from "./diagnostics.ts";
import type { Entries, TunnelEntry } from "./entries.ts";
import type { Environment } from "./environment.ts";
import { findIncludes } from "./include.ts";
import { type Inspected, inspect } from "./inspect.ts";
import { type OverlaidFiles, overlayFiles, type ReadFile } from "./overlaid-files.ts";
import type { Base, Overlay } from "./overlay.ts";
import { readConfigFile } from "./read.ts";
import { redact } from "./redact.ts";
import { resolveTunnel } from "./resolve.ts";
import { routeName } from "./routes.ts";
import type { Config, ConfigOptions } from "./schema.ts";
import { type Fault, type Path, type Source, valueAt } from "./source.ts";
import { readSpecs } from "./specs.ts";

export { ConfigError, InputError } from "./diagnostics.ts";

/** A file, or what was given on the command line instead of one: `LISTEN:TARGET,TARGET…`. */
export type ConfigSource = { readonly file: string } | { readonly specs: readonly string[] };

export interface LoadOptions extends Plugins {
  /** For `${NAME}`. */
  readonly env: Environment;
  /** What is wrong with the modules under `plugins`. */
  readonly pluginFaults?: readonly Fault[];
  /** What was changed while running. */
  readonly overlay?: Overlay | undefined;
}

/** A configuration and the way back to the text that it was read from. */
export interface LoadedConfig {
  readonly config: Config;
  /** What it names balancers and the like from. */
  readonly plugins: Plugins;
  /** The tunnels and backends of the files, without what was changed while running. */
  readonly base: Base;
  /** What a single file would have, as it was written and secrets hidden. */
  readonly document: Readonly<Record<string, unknown>>;
  /** Tunnels that are other than their files have them. */
  readonly changedTunnels: ReadonlySet<string>;
  /** The same files as they were read, with other changes. @throws ConfigError */
  withOverlay(overlay: Overlay): LoadedConfig;
  /** The error for what shows only when the configuration is used, such as a key that fits no certificate. */
  errorFor(faults: readonly Pick<Fault, "path" | "message">[]): ConfigError;
}

/**
 * Reads and checks a configuration, everything that it includes, and whether all of it fits together.
 *
 * @throws ConfigError with every error there is
 * @throws InputError when the file itself cannot be read
 */
export function loadConfig(from: ConfigSource, options: LoadOptions): Config {
  return loadWithPlaces(from, options).config;
}

/** The same, for those who may find faults later. */
export function loadWithPlaces(from: ConfigSource, options: LoadOptions): LoadedConfig {
  return understand(readFiles(from, options), options);
}

function understand(read: Files, options: LoadOptions): LoadedConfig {
  const overlaid = overlayFiles(read.files, options.overlay ?? [], options.env);
  const inspected = inspectFiles(overlaid, { faults: read.faults, options });
  const entries = inOrder(inspected, overlaid.document);
  const [main] = inspected;
  const located = checkEntries(entries, main?.options?.defaults?.health);
  const among = (source: Source) => located.flatMap((one) => (one.source === source ? [one.fault] : []));
  const diagnostics = inspected.flatMap((one) => {
    const absent = one === main ? wantTunnels(one, entries) : [];
    return diagnose(one.source, [...one.faults, ...among(one.source), ...absent]);
  });
  if (diagnostics.length > 0 || !main?.options) throw new ConfigError(diagnostics);
  return {
    config: freeze(assemble(main.options, entries, options)),
    plugins: options,
    base: overlaid.base,
    document: redact(overlaid.document) as LoadedConfig["document"],
    changedTunnels: overlaid.changedTunnels,
    withOverlay: (overlay) => understand(read, { ...options, overlay }),
    errorFor: (faults) => locateFaults(faults, main.source, entries),
  };
}

/** A fault of a tunnel belongs to the file that the tunnel is in, one of a shared backend to the file of that. */
function locateFaults(
  faults: readonly Pick<Fault, "path" | "message">[],
  main: Source,
  { tunnels, backends }: Entries,
): ConfigError {
  const bySource = new Map<Source, Fault[]>();
  for (const { path, message } of faults) {
    const [block, name, ...inner] = path;
    const tunnel = block === "tunnels" ? tunnels.find((entry) => entry.name === name) : undefined;
    const { backend, rest } = namedBackend(tunnel, inner);
    const shared = backends.find((entry) => entry.name === backend);
    const source = shared?.source ?? tunnel?.source ?? main;
    const fault = { path: shared ? [...shared.path, ...rest] : path, message };
    bySource.set(source, [...(bySource.get(source) ?? []), fault]);
  }
  return new ConfigError([...bySource].flatMap(([source, found]) => diagnose(source, found)));
}

/** The name of the shared backend that a path of a tunnel leads into, if it does, and the rest of the path. */
function namedBackend(
  tunnel: TunnelEntry | undefined,
  [half, ...rest]: Path,
): { readonly backend: unknown; readonly rest: Path } {
  if (half === "backend") return { backend: tunnel?.backend, rest };
  const [place, part, ...below] = rest;
  const isRoute = half === "routes" && typeof place === "number" && part === "backend";
  return { backend: isRoute ? tunnel?.routes[place]?.backend : undefined, rest: below };
}

interface Files {
  /** The main one first. */
  readonly files: readonly [ReadFile, ...ReadFile[]];
  /** Of the main file, about files that it names. */
  readonly faults: readonly Fault[];
}

function readFiles(from: ConfigSource, { env, pluginFaults = [] }: LoadOptions): Files {
  if (!("file" in from))
    return { files: [{ reading: readSpecs(from.specs), resolvePath: resolve }], faults: [] };
  const { file } = from;
  const main = { reading: readConfigFile(file, env), ...startingAt(dirname(file)) };
  const includes = findIncludes(file, valueAt(main.reading.data, ["include"]));
  const fragments: ReadFile[] = [];
  const unreadable: Fault[] = [];
  for (const { shown, path } of includes.files) {
    try {
      fragments.push({ reading: readConfigFile(shown, env), ...startingAt(dirname(shown)) });
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      unreadable.push({ path, message: error.message });
    }
  }
  return { files: [main, ...fragments], faults: [...pluginFaults, ...includes.faults, ...unreadable] };
}

function startingAt(folder: string): Pick<ReadFile, "resolvePath"> {
  return { resolvePath: (path) => resolve(folder, path) };
}

function inspectFiles(
  { files, changes }: OverlaidFiles,
  { faults, options }: { readonly faults: readonly Fault[]; readonly options: LoadOptions },
): Inspected[] {
  const { env: _, ...plugins } = options;
  return [...files, ...changes].map(({ reading, resolvePath }, index) => {
    const inspected = inspect(reading, index === 0 ? "whole" : "fragment", { ...plugins, resolvePath });
    return index === 0 ? { ...inspected, faults: [...inspected.faults, ...faults] } : inspected;
  });
}

/** Everything in the order of the document, wherever it was read from. */
function inOrder(inspected: readonly Inspected[], document: OverlaidFiles["document"]): Entries {
  const names = (list: string) => Object.keys((document[list] as object | undefined) ?? {});
  const sorted = <Entry extends { readonly name: string }>(entries: readonly Entry[], list: string) => {
    const positions = new Map(names(list).map((name, index) => [name, index]));
    return entries.toSorted((a, b) => (positions.get(a.name) ?? 0) - (positions.get(b.name) ?? 0));
  };
  return {
    tunnels: sorted(
      inspected.flatMap((one) => one.entries.tunnels),
      "tunnels",
    ),
    backends: sorted(
      inspected.flatMap((one) => one.entries.backends),
      "backends",
    ),
  };
}

/** A file without tunnels is fine as long as what it includes brings some, or an operator can. */
function wantTunnels(main: Inspected, entries: Entries): Fault[] {
  if (main.data === undefined || main.faults.length > 0 || entries.tunnels.length > 0) return [];
  if (main.options?.admin) return [];
  return [
    {
      path: ["tunnels"],
      part: "key",
      message: "there is no tunnel; add NAME: { frontend: ADDRESS, backend: ADDRESS }",
    },
  ];
}

function assemble(
  options: ConfigOptions,
  { tunnels, backends }: Entries,
  { balancers, probes }: LoadOptions,
): Config {
  const [balancer] = balancers;
  const [probe] = probes;
  if (!balancer || !probe) throw new TypeError("loadConfig needs a balancer and a probe");
  const first = {
    balance: { algorithm: balancer.name, options: balancer.options.parse({}) },
    probe: probe.name,
  };
  const shared = new Map(backends.map((entry) => [entry.name, entry.backend]));
  return {
    log: options.log,
    ...(options.plugins ? { plugins: options.plugins } : {}),
    ...(options.admin ? { admin: options.admin } : {}),
    ...(options.metrics ? { metrics: options.metrics } : {}),
    workers: options.workers,
    ...(options.user === undefined ? {} : { user: options.user }),
    ...(options.group === undefined ? {} : { group: options.group }),
    watch: options.watch,
    relay: options.relay,
    drainTimeoutMs: options.drainTimeout,
    tunnels: tunnels.flatMap(({ name, enabled, frontend, backend, routes }) => {
      if (!enabled || !frontend) return [];
      const find = (named: BackendOptions | string | undefined, ownName: string) => {
        const options = typeof named === "string" ? shared.get(named) : named;
        const isShared = typeof named === "string";
        return options && { options, name: isShared ? named : ownName, shared: isShared };
      };
      const parts = {
        name,
        frontend,
        backend: find(backend, name),
        routes: routes.flatMap((route, place) => {
          const found = route && find(route.backend, `${name}/${routeName(route, place)}`);
          return route && found ? [{ options: route, name: routeName(route, place), backend: found }] : [];
        }),
      };
      const resolved = resolveTunnel(parts, options.defaults, first);
      return resolved ? [resolved] : [];
    }),
  };
}

/** Down to the last value: what workers, reloads and handlers share must not change under them. */
function freeze<Value>(value: Value): Value {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) freeze(inner);
  }
  return value;
}
