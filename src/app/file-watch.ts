import { type FSWatcher, watch } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { FileRecord } from "../tls/files.ts";

export interface FileWatchOptions {
  /** Milliseconds without another change before `onChange` is called: files that belong together are written one by one. */
  readonly settle?: number;
  /** Milliseconds between two looks at every file, where the system tells nothing (network file systems, lost events). */
  readonly look?: number;
  onChange(): void;
}

/**
 * Tells when files may have changed, by any way of replacing them: written in place, renamed over, or reached through a
 * symbolic link that leads elsewhere now (as Kubernetes swaps the files of a secret). It may tell too often.
 */
export class FileWatch {
  readonly #settle: number;
  readonly #onChange: () => void;
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #timer: NodeJS.Timeout;
  #settling: NodeJS.Timeout | undefined;
  #paths: readonly string[] = [];
  #seen = "";
  #closed = false;

  constructor({ settle = 200, look = 5000, onChange }: FileWatchOptions) {
    this.#settle = settle;
    this.#onChange = onChange;
    this.#timer = setInterval(() => void this.#look(), look).unref();
  }

  /** Watches these files and folders from now on, and no others. */
  async follow({ files, folders }: FileRecord): Promise<void> {
    this.#paths = [...files.keys(), ...folders.keys()];
    this.#seen = await signature(this.#paths);
    const wanted = new Set<string>(folders.keys());
    for (const path of files.keys()) {
      wanted.add(dirname(path));
      wanted.add(dirname(await realpath(path).catch(() => path)));
    }
    if (this.#closed) return;
    for (const [folder, watcher] of this.#watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of wanted) if (!this.#watchers.has(folder)) this.#watch(folder);
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    clearTimeout(this.#settling);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #watch(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#changed());
      // a folder that is gone; `look` goes on
      watcher.on("error", () => {
        watcher.close();
        this.#watchers.delete(folder);
      });
      this.#watchers.set(folder, watcher);
    } catch {
      // no such folder, or no more watches to be had: `look` sees to it
    }
  }

  #changed(): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#onChange(), this.#settle).unref();
  }

  async #look(): Promise<void> {
    const seen = await signature(this.#paths);
    if (seen === this.#seen || this.#closed) return;
    this.#seen = seen;
    this.#changed();
  }
}

/** What changes when one of the files is another, or was written to. */
async function signature(paths: readonly string[]): Promise<string> {
  const parts: string[] = [];
  for (const path of paths) {
    const { dev, ino, size, mtimeMs } = await stat(path).catch(() => ({
      dev: 0,
      ino: 0,
      size: 0,
      mtimeMs: 0,
    }));
    parts.push(`${dev} ${ino} ${size} ${mtimeMs}`);
  }
  return parts.join("\n");
}
