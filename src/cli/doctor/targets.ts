import { once } from "node:events";
import { connect } from "node:net";
import type { LoadedConfig } from "../../config/load.ts";
import { type Address, formatAddress } from "../../core/address.ts";
import { describeSocketError } from "../../net/socket-error.ts";
import { type Finding, inTime } from "./finding.ts";

/** Connections at one time. */
const atOnce = 32;

/** Whether somebody accepts connections at every target that the configuration names. */
export async function examineTargets({ config }: LoadedConfig): Promise<readonly Finding[]> {
  const targets = new Map<string, { readonly address: Address; readonly tunnel: string }>();
  for (const { name: tunnel, backend } of config.tunnels)
    for (const { address } of backend.targets) targets.set(formatAddress(address), { address, tunnel });
  const waiting = [...targets.values()];
  const found: Finding[] = [];
  while (waiting.length > 0)
    found.push(
      ...(await Promise.all(
        waiting.splice(0, atOnce).map(({ address, tunnel }) => examine(address, tunnel)),
      )),
    );
  return found;
}

async function examine(address: Address, tunnel: string): Promise<Finding> {
  const text = `${tunnel}: ${formatAddress(address)}`;
  const socket = address.kind === "unix" ? connect(address.path) : connect(address.port, address.host);
  try {
    await inTime(once(socket, "connect"));
    return { verdict: "ok", area: "targets", text: `${text} accepts connections` };
  } catch (error) {
    return {
      verdict: "warn",
      area: "targets",
      text: `${text} does not accept connections: ${describeSocketError(error)}`,
      remedy: "start it, or look at what is between here and there (firewall, route)",
    };
  } finally {
    socket.on("error", () => {});
    socket.destroy();
  }
}
