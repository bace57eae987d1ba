import { readdirSync, readFileSync } from "node:fs";

/** Descriptors kept for what is no session: metrics, reading files, looking up names, probes. */
const reserve = 32;
/** What a process has open that has only just begun, where the system does not tell. */
const usual = 32;

/**
 * Sessions that the process can carry. Where descriptors run out, the system accepts and closes connections unseen, and
 * connecting, reading files and looking up names fail all at once (libuv's uv__emfile_trick): so it must not get there.
 * A session has a client and a target.
 *
 * @param listeners descriptors that are yet to be opened for listening
 */
export function sessionCapacity(listeners: number): number {
  return Math.max(1, Math.floor((descriptorLimit() - openDescriptors() - listeners - reserve) / 2));
}

/** RLIMIT_NOFILE, which Node has raised as far as it may when it started. */
function descriptorLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    return soft === undefined || soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return reportedLimit();
  }
}

/** Where there is no /proc. */
function reportedLimit(): number {
  const { userLimits } = process.report.getReport() as {
    userLimits?: { open_files?: { soft: number | string } };
  };
  const soft = userLimits?.open_files?.soft;
  return typeof soft === "number" ? soft : Number.POSITIVE_INFINITY;
}

function openDescriptors(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return usual;
  }
}
