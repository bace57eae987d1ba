import { readFileSync } from "node:fs";
import { sessionCapacity } from "../../app/descriptors.ts";
import type { LoadedConfig } from "../../config/load.ts";
import { counted } from "../../telemetry/quantities.ts";
import type { Finding } from "./finding.ts";

/** Sessions that any program for more than a test should be able to carry. */
const usualSessions = 1000;
/** Connections that may wait to be accepted: a burst of clients that connect anew after a restart. */
const usualBacklog = 1024;

/** What the system allows the process. */
export async function examineLimits({ config }: LoadedConfig): Promise<readonly Finding[]> {
  const listeners = config.tunnels.reduce((sum, { frontend }) => sum + frontend.listen.length, 0);
  const wanted = config.tunnels.reduce((sum, { frontend }) => sum + (frontend.limits?.connections ?? 0), 0);
  return [descriptors(sessionCapacity(listeners), wanted), ...backlog()];
}

function descriptors(capacity: number, wanted: number): Finding {
  const text = Number.isFinite(capacity)
    ? `file descriptors suffice for ${counted(capacity, "session")}`
    : "file descriptors are unlimited";
  if (capacity >= Math.max(wanted, usualSessions)) return { verdict: "ok", area: "limits", text };
  const need = Math.max(wanted, usualSessions);
  return {
    verdict: "warn",
    area: "limits",
    text: wanted > capacity ? `${text}; limits.connections allow ${wanted}` : text,
    remedy: `raise the hard limit to ${need * 2 + 200} or more: LimitNOFILE= of the unit, or ulimit -Hn`,
  };
}

function backlog(): readonly Finding[] {
  const somaxconn = Number(readSetting("/proc/sys/net/core/somaxconn"));
  if (!(somaxconn > 0)) return [];
  const text = `${somaxconn} connections may wait to be accepted (net.core.somaxconn)`;
  if (somaxconn >= usualBacklog) return [{ verdict: "ok", area: "limits", text }];
  const remedy = `sysctl -w net.core.somaxconn=4096, or a burst of new connections is dropped`;
  return [{ verdict: "warn", area: "limits", text, remedy }];
}

/** A setting of the kernel; undefined where there is none. */
export function readSetting(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
