import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import type { LoadedConfig } from "../../config/load.ts";
import { type Address, formatAddress } from "../../core/address.ts";
import { describeSocketError, errorCode } from "../../net/socket-error.ts";
import { ControlClient } from "../control-client.ts";
import { usualSocket } from "../control-socket.ts";
import type { Finding } from "./finding.ts";
import { readSetting } from "./limits.ts";

/** Whether everything can be listened on. */
export async function examinePorts({ config }: LoadedConfig): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  const running = await listenersOfRunning(config);
  for (const { name, frontend } of config.tunnels)
    for (const address of frontend.listen)
      found.push(
        ...(address.kind === "unix"
          ? [folderOf(name, address.path)]
          : await examine(name, { address, running })),
      );
  return found;
}

interface Place {
  readonly address: Extract<Address, { readonly kind: "tcp" }>;
  /** Where the program that runs listens. */
  readonly running: ReadonlySet<string>;
}

async function examine(tunnel: string, { address, running }: Place): Promise<readonly Finding[]> {
  const text = `${tunnel}: ${formatAddress(address)}`;
  const area = "ports";
  if (running.has(formatAddress(address)))
    return [{ verdict: "ok", area, text: `${text} is listened on by the running program` }];
  try {
    await tryToListen(address);
  } catch (error) {
    return [
      {
        verdict: "fail",
        area,
        text: `${text} cannot be listened on: ${describeSocketError(error)}`,
        remedy: remedyFor(errorCode(error), address.port),
      },
    ];
  }
  return [ephemeral(text, address.port) ?? { verdict: "ok", area, text: `${text} can be listened on` }];
}

async function tryToListen({ host, port }: Place["address"]): Promise<void> {
  const server = createServer((socket) => socket.destroy());
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, "listening");
  } finally {
    server.close();
  }
}

function remedyFor(code: string | undefined, port: number): string {
  switch (code) {
    case "EADDRINUSE":
      return `find who has it: ss -ltnp 'sport = :${port}'`;
    case "EACCES":
    case "EPERM":
      return "give the program CAP_NET_BIND_SERVICE (AmbientCapabilities= of the unit), or use a port above 1023";
    case "EADDRNOTAVAIL":
      return "no interface has this address (ip address); use one that it has, or 0.0.0.0";
    default:
      return "listen on another address";
  }
}

/** Ports that the kernel gives to outgoing connections may be taken when the program starts. */
function ephemeral(text: string, port: number): Finding | undefined {
  const [lowest = 0, highest = 0] = (readSetting("/proc/sys/net/ipv4/ip_local_port_range") ?? "")
    .split(/\s+/)
    .map(Number);
  if (port === 0 || !(port >= lowest && port <= highest)) return undefined;
  return {
    verdict: "warn",
    area: "ports",
    text: `${text} is among the ports for outgoing connections (${lowest} to ${highest}): it may be taken at a start`,
    remedy: `use a port below ${lowest}, or sysctl -w net.ipv4.ip_local_reserved_ports=${port}`,
  };
}

function folderOf(tunnel: string, path: string): Finding {
  const text = `${tunnel}: unix:${path}`;
  try {
    accessSync(dirname(path), constants.W_OK | constants.X_OK);
    return { verdict: "ok", area: "ports", text: `${text} can be made` };
  } catch (error) {
    return {
      verdict: "fail",
      area: "ports",
      text: `${text} cannot be made: ${dirname(path)}: ${errorCode(error) === "ENOENT" ? "there is no such folder" : "not writable"}`,
      remedy: `make ${dirname(path)} and give it to the user that the program runs as`,
    };
  }
}

/** Nothing, when nothing runs. */
async function listenersOfRunning(config: object): Promise<ReadonlySet<string>> {
  const { admin } = config as { readonly admin?: { readonly socket?: string } };
  const socket = admin?.socket ?? process.env["EQUILIBRIA_SOCKET"] ?? usualSocket;
  try {
    const { tunnels } = await new ControlClient(socket).status();
    return new Set(tunnels.flatMap(({ listeners }) => listeners));
  } catch {
    return new Set();
  }
}
