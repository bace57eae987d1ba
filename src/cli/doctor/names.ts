import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { LoadedConfig } from "../../config/load.ts";
import { reasonOf } from "../../core/outcome.ts";
import { type Finding, inTime } from "./finding.ts";

/** Whether every name of a target can be resolved. */
export async function examineNames({ config }: LoadedConfig): Promise<readonly Finding[]> {
  const names = new Map<string, string>();
  for (const { name: tunnel, backend } of config.tunnels)
    for (const { address } of backend.targets)
      if (address.kind === "tcp" && isIP(address.host) === 0) names.set(address.host, tunnel);
  return Promise.all([...names].map(([name, tunnel]) => examine(name, tunnel)));
}

async function examine(name: string, tunnel: string): Promise<Finding> {
  const begun = performance.now();
  try {
    const addresses = await inTime(lookup(name, { all: true }));
    const ms = performance.now() - begun;
    const text = `${tunnel}: ${name} is ${addresses.map(({ address }) => address).join(", ")} (${ms.toFixed(0)} ms)`;
    if (ms < slow) return { verdict: "ok", area: "names", text };
    return { verdict: "warn", area: "names", text, remedy: `each first connection waits for it: ${look}` };
  } catch (error) {
    return {
      verdict: "fail",
      area: "names",
      text: `${tunnel}: ${name} cannot be resolved: ${reasonOf(error)}`,
      remedy: `correct the name, or ${look}`,
    };
  }
}

/** Milliseconds. */
const slow = 500;
const look = "look at /etc/resolv.conf and /etc/hosts of this machine";
