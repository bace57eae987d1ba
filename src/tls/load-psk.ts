import type { TlsFiles } from "./files.ts";
import { MaterialError, readMaterial } from "./identity.ts";
import { type PskKeys, parsePskKeys } from "./psk.ts";

/**
 * Reads a file of pre-shared keys.
 *
 * @throws MaterialError
 */
export async function loadPskKeys(path: string, files: TlsFiles): Promise<PskKeys> {
  const text = (await readMaterial(files, path, "psk.file")).toString("utf8");
  try {
    return parsePskKeys(text);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new MaterialError("psk.file", `${path}: ${cause.message}`, { cause });
  }
}

/**
 * The key to show to targets: that of the identity, or the first one.
 *
 * @throws MaterialError
 */
export async function loadOwnPsk(
  { file, identity }: { readonly file: string; readonly identity?: string | undefined },
  files: TlsFiles,
): Promise<{ readonly identity: string; readonly key: Buffer }> {
  const keys = await loadPskKeys(file, files);
  for (const [name, key] of keys)
    if (identity === undefined || name === identity) return { identity: name, key };
  throw new MaterialError("psk.file", `${file} has no key of the identity ${JSON.stringify(identity)}`);
}
