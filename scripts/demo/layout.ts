import { dirname, resolve } from "node:path";
import { loadConfig } from "../../src/config/load.ts";
import { plugins } from "../../src/config/plugins.ts";
import { type Address, formatAddress } from "../../src/core/address.ts";

/** Which servers config/demo.yaml needs, so that ports stand in that file only. */
export interface DemoLayout {
  readonly targets: readonly DemoTarget[];
  /** Without the ports, which are known when the program listens. */
  readonly tunnels: readonly Omit<DemoTunnel, "port">[];
}

export interface DemoTarget {
  readonly name: string;
  readonly address: Address;
  readonly tls: boolean;
}

export interface DemoTunnel {
  readonly name: string;
  readonly port: number;
  /** Clients speak TLS to it. */
  readonly tls: boolean;
  /** It speaks TLS to its targets. */
  readonly targetTls: boolean;
}

/** The targets of every list, in their order. */
const names = ["alpha", "beta"];

/** Where the file looks for certificates: the same variable, the same default. */
export function certificateDirectory(configFile: string): string {
  return resolve(dirname(configFile), process.env["CERTS"] || "../certs");
}

/** @throws Error with everything that is wrong with the file */
export function readLayout(configFile: string): DemoLayout {
  const { tunnels } = loadConfig({ file: configFile }, { env: process.env, ...plugins });
  const targets = new Map<string, DemoTarget>();
  for (const { backend } of tunnels)
    for (const [index, { address }] of backend.targets.entries())
      targets.set(formatAddress(address), {
        name: names[index] ?? `echo-${index}`,
        address,
        tls: backend.tls !== undefined,
      });
  return {
    targets: [...targets.values()],
    tunnels: tunnels.map(({ name, frontend, backend }) => ({
      name,
      tls: frontend.tls !== undefined,
      targetTls: backend.tls !== undefined,
    })),
  };
}
