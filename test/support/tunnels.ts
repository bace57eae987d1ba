/** A tunnel in this process, over every mix of plain and TLS and in both ways of relaying. */
import { readdirSync, readlinkSync } from "node:fs";
import { type Runtime, start } from "../../src/app/runtime.ts";
import { loadConfig } from "../../src/config/load.ts";
import { plugins } from "../../src/config/plugins.ts";
import type { TimeoutConfig } from "../../src/config/schema.ts";
import { type Address, formatAddress } from "../../src/core/address.ts";
import { Events } from "../../src/core/events.ts";
import type { RelayMode, Session } from "../../src/core/session.ts";
import { testAuthority, writeFiles } from "./certificates.ts";
import { connectPeer, type Peer, type PeerOptions, type PeerServer, startPeers } from "./peers.ts";

export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** What a tunnel does to its two sides. */
export interface Mix {
  readonly frontendTls?: TlsVersion;
  readonly backendTls?: TlsVersion;
}

export const modes: readonly RelayMode[] = ["fast", "stream"];

/** The four mixes of plain and TLS; those with TLS once for each version. */
export const mixes: readonly Mix[] = [
  {},
  ...(["TLSv1.2", "TLSv1.3"] as const).flatMap((version): Mix[] => [
    { frontendTls: version },
    { backendTls: version },
    { frontendTls: version, backendTls: version },
  ]),
];

/** The four mixes, with the newest TLS only. */
export const newestMixes = mixes.filter(
  ({ frontendTls, backendTls }) => ![frontendTls, backendTls].includes("TLSv1.2"),
);

export function describeMix({ frontendTls, backendTls }: Mix): string {
  return `${frontendTls ?? "plain"} to ${backendTls ?? "plain"}`;
}

/** Every mix in every mode, with a name for the test's title. */
export function variants(of: readonly Mix[] = mixes): readonly (Mix & { mode: RelayMode; title: string })[] {
  return modes.flatMap((mode) => of.map((mix) => ({ ...mix, mode, title: `${describeMix(mix)}, ${mode}` })));
}

export interface TunnelOptions extends Mix {
  readonly mode: RelayMode;
  readonly target: Address;
  /** Default: a free port of this machine. */
  readonly listen?: Address;
  /** Milliseconds; all are an hour unless given. */
  readonly timeouts?: Partial<TimeoutConfig>;
  /** What else the backend's block says, as in a file. */
  readonly backend?: Readonly<Record<string, unknown>>;
}

export interface TestTunnel {
  readonly address: Address;
  readonly runtime: Runtime;
  /** Connects a client that speaks what the frontend expects. */
  connect(options?: Omit<PeerOptions, "tls">): Promise<Peer>;
  /** Waits until `count` sessions have ended in all, and returns them in the order of their end. */
  sessions(count: number): Promise<readonly Session[]>;
  [Symbol.asyncDispose](): Promise<void>;
}

export const authority = testAuthority();
const identity = authority.issue();

/** What a TLS target proves its name by. */
export const targetTls = { cert: identity.chain, key: identity.key };

const hour = 3_600_000;

export async function startTunnel(options: TunnelOptions): Promise<TestTunnel> {
  const files = writeFiles({
    "tunnels.yaml": configuration(options),
    "cert.pem": identity.chain,
    "key.pem": identity.key,
    "ca.pem": authority.cert,
  });
  const config = loadConfig({ file: files.path("tunnels.yaml") }, { env: {}, ...plugins });
  const events = new Events();
  const ended: Session[] = [];
  const waiting = new Set<() => void>();
  events.on("session.closed", ({ session }) => {
    ended.push(session);
    for (const wake of waiting) wake();
  });
  const runtime = await start(config, { events, ...plugins });
  const address = runtime.listeners[0]?.address;
  if (!address) throw new Error("no listener");
  return {
    address,
    runtime,
    connect: (peer) => connectPeer(address, { ...peer, tls: options.frontendTls && { ca: authority.cert } }),
    sessions: async (count) => {
      while (ended.length < count) {
        const { promise, resolve } = Promise.withResolvers<void>();
        waiting.add(resolve);
        await promise;
        waiting.delete(resolve);
      }
      return ended;
    },
    [Symbol.asyncDispose]: async () => {
      await runtime.stop();
      files[Symbol.dispose]();
    },
  };
}

/** A tunnel and its target, which gives each of its connections to `serve`. */
export async function startTunnelTo(
  serve: (target: Peer) => void,
  options: Omit<TunnelOptions, "target"> & Pick<PeerOptions, "adjustable">,
): Promise<TestTunnel & { readonly target: PeerServer }> {
  const { adjustable = false, backendTls } = options;
  const target = await startPeers(serve, { adjustable, ...(backendTls ? { tls: targetTls } : {}) });
  const tunnel = await startTunnel({ ...options, target: target.address });
  return {
    ...tunnel,
    target,
    [Symbol.asyncDispose]: async () => {
      await tunnel[Symbol.asyncDispose]();
      await target[Symbol.asyncDispose]();
    },
  };
}

/** A client and the target's end of one session. */
export interface Pair {
  readonly client: Peer;
  readonly target: Peer;
}

/** Connects a client, one at a time; resolves when its target has been connected too. */
export async function connectPair(
  tunnel: TestTunnel & { readonly target: PeerServer },
  options?: Omit<PeerOptions, "tls">,
): Promise<Pair> {
  const { peers } = tunnel.target;
  const index = peers.length;
  const client = await tunnel.connect(options);
  while (peers[index] === undefined) await new Promise(setImmediate);
  return { client, target: peers[index] };
}

/** Sockets and pipes that this process holds open. */
export function openSockets(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:");
    } catch {
      return false; // the directory's own descriptor, closed by now
    }
  }).length;
}

/** Waits until `holds`, checking in every turn of the event loop; the test's time limit ends a vain wait. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Waits until `count` has grown and then stayed the same for half a second: whoever makes it grow is held up. */
export async function steady(count: () => number): Promise<void> {
  for (let last = 0, quiet = 0; quiet < 10; ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const now = count();
    quiet = now === last && now > 0 ? quiet + 1 : 0;
    last = now;
  }
}

/** The configuration as a user would write it, JSON being YAML. */
function configuration({ mode, target, listen, ...options }: TunnelOptions): string {
  const timeouts = { idle: hour, stall: hour, halfClose: hour, ...options.timeouts };
  return JSON.stringify({
    relay: mode,
    tunnels: {
      test: {
        frontend: {
          listen: listen ? formatAddress(listen) : "127.0.0.1:0",
          timeouts: Object.fromEntries(
            Object.entries(timeouts).map(([name, limit]) => [name, limit === 0 ? "0" : `${limit}ms`]),
          ),
          ...(options.frontendTls
            ? { tls: { ...protocol(options.frontendTls), cert: "cert.pem", key: "key.pem" } }
            : {}),
        },
        backend: {
          targets: [formatAddress(target)],
          ...(options.backendTls
            ? { tls: { ...protocol(options.backendTls), ca: "ca.pem", serverName: "localhost" } }
            : {}),
          ...options.backend,
        },
      },
    },
  });
}

function protocol(version: TlsVersion) {
  return { minVersion: version, maxVersion: version };
}
