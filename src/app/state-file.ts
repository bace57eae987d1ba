import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";
import { parseOverlayPath } from "../config/overlay-path.ts";
import type { OverlayEntry } from "../core/control.ts";

/** The state file cannot be used; the message names it, says why and what to do. */
export class StateError extends Error {
  override readonly name = "StateError";
}

/** Counts up when a program that knows only the old form would misread the new one. */
const version = 1;
/** Bytes. */
const largest = 16 * 1024 * 1024;

const fileSchema = z.object({
  version: z.literal(version),
  entries: z.array(
    z.object({
      path: z.string().refine((path) => parseOverlayPath(path) !== undefined),
      change: z.enum(["put", "patch", "delete", "target"]),
      value: z.unknown(),
      at: z.string(),
      by: z.string().optional(),
    }),
  ),
});

/**
 * What was changed while running, as the last write has left it; empty when there is no such file yet.
 *
 * @throws StateError
 */
export async function readState(file: string): Promise<readonly OverlayEntry[]> {
  let text: string;
  try {
    await using handle = await open(file, "r");
    if ((await handle.stat()).size > largest)
      throw new StateError(`${file} is larger than any state file; ${remedy(file)}`);
    text = await handle.readFile("utf8");
  } catch (error) {
    if (error instanceof StateError) throw error;
    if (codeOf(error) === "ENOENT") return [];
    throw new StateError(`${file} cannot be read: ${codeOf(error)}`, { cause: error });
  }
  const data = parse(text);
  const result = fileSchema.safeParse(data);
  if (result.success) return result.data.entries.map(({ by, ...entry }) => ({ ...entry, by }));
  const other = z.object({ version: z.int() }).safeParse(data).data?.version;
  if (other !== undefined && other !== version)
    throw new StateError(
      `${file} is of version ${other}; this program knows version ${version}: run the one that wrote it, or ${remedy(file)}`,
    );
  throw new StateError(`${file} is damaged, or no state file; ${remedy(file)}`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function remedy(file: string): string {
  return `move it away (mv ${file} ${file}.bad) to start with what the configuration file says, without the changes made while running`;
}

/**
 * Writes all of it in one step: whatever happens, the file holds the old entries or the new ones.
 *
 * @throws StateError when it could not be kept; the old file is still there
 */
export async function writeState(file: string, entries: readonly OverlayEntry[]): Promise<void> {
  const folder = dirname(file);
  // one name only: what a crash has left of it is gone with the next change
  const draft = `${file}.tmp`;
  const text = `${JSON.stringify({ version, entries }, null, 2)}\n`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await rm(draft, { force: true });
    {
      await using handle = await open(draft, "wx", 0o600);
      await handle.writeFile(text);
      await handle.sync();
    }
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {});
    throw new StateError(`${file} cannot be written: ${explain(codeOf(error))}`, { cause: error });
  }
  await syncFolder(folder);
}

/** The name, too, should survive a loss of power. The new file is in its place: that a file system cannot is no failure. */
async function syncFolder(folder: string): Promise<void> {
  try {
    await using entry = await open(folder, "r");
    await entry.sync();
  } catch {
    // a change that is said to be refused must not be there after the next start
  }
}

function explain(code: string): string {
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return "the disk is full";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EROFS":
      return "the file system is read-only";
    case "ENOTDIR":
      return "its folder is a file";
    default:
      return code;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
