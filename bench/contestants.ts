import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Ports } from "./ports.ts";
import type { Route } from "./workloads.ts";

/** What a contestant's configuration may refer to. */
export interface Setting {
  /** Where certificates are, and where configurations and logs go. */
  readonly directory: string;
  readonly ports: Ports;
  /** `tickets` speaks TLS too, and its sessions can be resumed. */
  readonly origin: { readonly plain: number; readonly tls: number; readonly tickets: number };
}

/** A proxy that is measured. */
export interface Contestant {
  readonly name: string;
  readonly routes: readonly Route[];
  /** The program and its Debian package; absent for what this repository holds. */
  readonly program?: { readonly name: string; readonly package: string };
  /** In one line. */
  version(): string;
  /** Writes its configuration; returns the command that runs it in the foreground. */
  prepare(setting: Setting): readonly string[];
}

/** Measured in every run, never a peer. */
export const ours = "equilibria-tunnel";
export const reference = "naive";

const root = join(import.meta.dirname, "..");
const server: readonly Route[] = ["tls", "rsa"];
const every: readonly Route[] = ["tls", "rsa", "client", "client-again", "plain", "tls-tls"];

export const contestants: readonly Contestant[] = [
  {
    name: ours,
    routes: every,
    version: () => `Node ${process.version}, OpenSSL ${process.versions.openssl}`,
    prepare: (setting) => {
      const file = configure("equilibria-tunnel.yaml", setting);
      return [process.execPath, join(root, "bin/equilibria-tunnel.cjs"), "-c", file];
    },
  },
  {
    name: reference,
    routes: every,
    version: () => `bench/naive-proxy.ts on Node ${process.version}`,
    prepare: (setting) => [process.execPath, join(root, "bench/naive-proxy.ts"), naiveWays(setting)],
  },
  {
    name: "stunnel",
    program: { name: "stunnel4", package: "stunnel4" },
    routes: [...server, "client", "client-again", "tls-tls"],
    version: () => said(["stunnel4", "-version"], /stunnel [\d.]+/),
    prepare: (setting) => ["stunnel4", configure("stunnel.conf", setting)],
  },
  haproxy("haproxy", every, "no option splice-auto"),
  haproxy("haproxy-splice", ["plain"], "option splice-auto"),
  {
    name: "nginx",
    program: { name: "nginx", package: "nginx and libnginx-mod-stream" },
    routes: every,
    version: () => said(["nginx", "-v"], /nginx\/[\d.]+/),
    prepare: (setting) => {
      const module = "/usr/lib/nginx/modules/ngx_stream_module.so";
      const file = configure("nginx.conf", setting, { MODULE: `load_module ${module};` });
      return ["nginx", "-p", setting.directory, "-c", file];
    },
  },
  {
    name: "hitch",
    program: { name: "hitch", package: "hitch" },
    routes: server,
    version: () => said(["hitch", "--version"], /hitch [\d.]+/),
    prepare: (setting) => {
      const user = process.getuid?.() === 0 ? 'user = "nobody"' : "";
      return ["hitch", `--config=${configure("hitch.conf", setting, { USER: user })}`];
    },
  },
];

/** The names that `--vs` takes. */
export const peers: readonly Contestant[] = contestants.filter(
  ({ name }) => name !== ours && name !== reference,
);

export function isInstalled({ program }: Contestant): boolean {
  if (!program) return true;
  return spawnSync("sh", ["-c", 'command -v "$1"', "sh", program.name]).status === 0;
}

/** Fills in a template of bench/peers. */
export function fillIn(template: string, values: Readonly<Record<string, string | number>>): string {
  return template.replaceAll(/@([A-Z_]+)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`nothing to put for @${name}@`);
    return String(value);
  });
}

function haproxy(name: string, routes: readonly Route[], splice: string): Contestant {
  return {
    name,
    routes,
    program: { name: "haproxy", package: "haproxy" },
    version: () => said(["haproxy", "-v"], /HAProxy version \S+/),
    prepare: (setting) => {
      const file = configure("haproxy.cfg", setting, { SPLICE: splice }, `${name}.cfg`);
      return ["haproxy", "-db", "-f", file];
    },
  };
}

function configure(
  template: string,
  { directory, ports, origin }: Setting,
  more: Readonly<Record<string, string>> = {},
  name = template,
): string {
  const text = fillIn(readFileSync(join(import.meta.dirname, "peers", template), "utf8"), {
    DIR: directory,
    TLS: ports.tls,
    RSA: ports.rsa,
    CLIENT: ports.client,
    CLIENT_AGAIN: ports["client-again"],
    PLAIN: ports.plain,
    TLS_TLS: ports["tls-tls"],
    INNER: ports.inner,
    ORIGIN: origin.plain,
    ORIGIN_TLS: origin.tls,
    ORIGIN_TICKETS: origin.tickets,
    ...more,
  });
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

function naiveWays({ directory, ports, origin }: Setting): string {
  const identity = (name: string) => ({
    cert: join(directory, `${name}.crt`),
    key: join(directory, `${name}.key`),
  });
  const ca = join(directory, "ca.crt");
  return JSON.stringify([
    { port: ports.tls, ...identity("ec"), target: origin.plain },
    { port: ports.rsa, ...identity("rsa"), target: origin.plain },
    { port: ports.client, target: origin.tls, ca },
    { port: ports["client-again"], target: origin.tickets, ca },
    { port: ports.plain, target: origin.plain },
    { port: ports["tls-tls"], ...identity("ec"), target: origin.tls, ca },
  ]);
}

/** What a program says about itself, on whichever output. */
function said([program = "", ...args]: readonly string[], pattern: RegExp): string {
  const { stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return pattern.exec(`${stdout}${stderr}`)?.[0] ?? "version unknown";
}
