import { fstatSync, readFileSync } from "node:fs";
import { adoptHandle, handleAddress } from "../net/server-handle.ts";

type Environment = Record<string, string | undefined>;

/** Names of sockets and their descriptors, from the process that this one replaces. */
export const socketsVariable = "EQUILIBRIA_TUNNEL_SOCKETS";

/** The first descriptor that systemd passes (sd_listen_fds(3)). */
const firstDescriptor = 3;

/**
 * The listening sockets that this process was started with, by name: those of the process that it replaces, or those that
 * systemd has bound for it. The environment is cleared of them: they are not for processes that this one starts.
 *
 * @throws Error when systemd has passed what is no listening socket
 */
export function givenSockets(env: Environment = process.env): ReadonlyMap<string, number> {
  const inherited = take(env, socketsVariable);
  const [count, pid] = [take(env, "LISTEN_FDS"), take(env, "LISTEN_PID")];
  delete env["LISTEN_FDNAMES"];
  if (inherited !== undefined) return new Map(JSON.parse(inherited) as [string, number][]);
  if (count === undefined || (pid !== undefined && Number(pid) !== process.pid)) return new Map();
  const descriptors = Array.from({ length: Number(count) }, (_, index) => firstDescriptor + index);
  return new Map(descriptors.flatMap((fd) => namesOf(fd).map((name) => [name, fd] as const)));
}

/** A socket on every address of IPv6 takes IPv4 too, so it may be meant as either. */
function namesOf(fd: number): readonly string[] {
  const path = unixPath(fd);
  if (path !== undefined) return [`unix:${path}`];
  const handle = adoptHandle(fd);
  const { host, port } = handleAddress(handle) ?? {};
  if (host === undefined || port === undefined)
    throw new Error(`descriptor ${fd}, which systemd has passed, is no listening socket of ours`);
  return host === "::" ? [`:::${port}`, `0.0.0.0:${port}`] : [`${host}:${port}`];
}

/** The path of a unix socket; undefined for others. */
function unixPath(fd: number): string | undefined {
  const { ino } = fstatSync(fd);
  const lines = readFileSync("/proc/net/unix", "utf8").split("\n");
  const fields = lines
    .map((line) => line.trim().split(/\s+/))
    .find(([, , , , , , inode]) => inode === `${ino}`);
  return fields?.[7];
}

function take(env: Environment, name: string): string | undefined {
  const value = env[name];
  delete env[name];
  return value;
}
