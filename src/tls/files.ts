import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";

/** Where the files that a `tls` block names are read from. Errors are those of `node:fs`. */
export interface TlsFiles {
  read(path: string): Promise<Buffer>;
  /** The paths of what is in a folder, in order. */
  list(folder: string): Promise<readonly string[]>;
}

/** The files as they are on the disk now. */
export const diskFiles: TlsFiles = {
  read: (path) => readFile(path),
  list: async (folder) => (await readdir(folder)).toSorted().map((name) => `${folder}/${name}`),
};

/** What was read, to be sent to another process. */
export interface FileRecord {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly folders: ReadonlyMap<string, readonly string[]>;
}

/**
 * Reads each file once and keeps it: one load of a configuration sees each of them in one state, whoever asks, and
 * another process can be given just what was read.
 */
export class RecordedFiles implements TlsFiles, FileRecord {
  readonly files = new Map<string, Buffer>();
  readonly folders = new Map<string, readonly string[]>();
  readonly #from: TlsFiles;

  constructor(from: TlsFiles = diskFiles) {
    this.#from = from;
  }

  async read(path: string): Promise<Buffer> {
    const known = this.files.get(path);
    if (known) return known;
    const bytes = await this.#from.read(path);
    this.files.set(path, bytes);
    return bytes;
  }

  async list(folder: string): Promise<readonly string[]> {
    const known = this.folders.get(folder);
    if (known) return known;
    const paths = await this.#from.list(folder);
    this.folders.set(folder, paths);
    return paths;
  }
}

/** The files of a record, and no others: for a process that may not read them itself. */
export function filesOf({ files, folders }: FileRecord): TlsFiles {
  const found = <Value>(value: Value | undefined, path: string): Promise<Value> =>
    value === undefined
      ? Promise.reject(Object.assign(new Error(`ENOENT: ${path} was not sent along`), { code: "ENOENT" }))
      : Promise.resolve(value);
  return {
    // sent between processes, a Buffer arrives as a plain Uint8Array
    read: async (path) => Buffer.from(await found(files.get(path), path)),
    list: (folder) => found(folders.get(folder), folder),
  };
}

/** What the files hold, in one word: it changes when one of them does. */
export function fingerprint({ files, folders }: FileRecord): string {
  const digest = createHash("sha256");
  for (const [path, bytes] of [...files].toSorted(byPath))
    digest.update(`${path}\0${bytes.length}\0`).update(bytes);
  for (const [folder, paths] of [...folders].toSorted(byPath))
    digest.update(`${folder}\0${paths.join("\0")}\0`);
  return digest.digest("hex");
}

function byPath([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : Number(one > other);
}
