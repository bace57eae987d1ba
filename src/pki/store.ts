import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Certified } from "./dev-ca.ts";
import { keyPem } from "./key.ts";

/** A file of the certificate directory. Keys are for their owner only (0600). */
export interface CertificateFile {
  readonly name: string;
  readonly content: string | Buffer;
  readonly secret: boolean;
}

const authorityName = "ca";

/** `NAME.crt` and `NAME.key`, both PEM; with a passphrase the key is encrypted. */
export function certificateFiles(
  name: string,
  { certificate, key }: Certified,
  passphrase?: string,
): readonly CertificateFile[] {
  return [
    { name: `${name}.crt`, content: certificate.toString(), secret: false },
    { name: `${name}.key`, content: keyPem(key, passphrase), secret: true },
  ];
}

export function authorityFiles(authority: Certified): readonly CertificateFile[] {
  return certificateFiles(authorityName, authority);
}

/**
 * Reads the authority that `authorityFiles` wrote.
 *
 * @throws the system's error (ENOENT, EACCES) or an Error that names the file which is no authority
 */
export async function readAuthority(directory: string): Promise<Certified> {
  const certificateFile = join(directory, `${authorityName}.crt`);
  const keyFile = join(directory, `${authorityName}.key`);
  const [certificatePem, keyPem] = await Promise.all([readFile(certificateFile), readFile(keyFile)]);
  const certificate = read(certificateFile, () => new X509Certificate(certificatePem));
  const key = read(keyFile, () => createPrivateKey(keyPem));
  if (!certificate.ca) throw new Error(`${certificateFile} is not the certificate of an authority`);
  if (!certificate.checkPrivateKey(key)) throw new Error(`${keyFile} is not the key of ${certificateFile}`);
  return { certificate, key };
}

/**
 * Writes all files or none: first under temporary names, then moved into place, so that nobody ever reads half a key.
 *
 * @param options.force replace what is there; without it an existing file is an EEXIST error that names its path
 * @returns the paths
 */
export async function writeCertificateFiles(
  directory: string,
  files: readonly CertificateFile[],
  options: { force: boolean },
): Promise<readonly string[]> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const suffix = `.${randomBytes(8).toString("hex")}.tmp`;
  const places = files.map((file) => ({ ...file, path: join(directory, file.name), mode: modeOf(file) }));
  const leftovers: string[] = [];
  try {
    for (const { path, content, mode } of places) {
      await create(path + suffix, { content, mode });
      leftovers.push(path + suffix);
    }
    if (!options.force)
      for (const { path, mode } of places) {
        // rename replaces silently: an empty file that could only be created if there was none takes the name first
        await create(path, { content: "", mode });
        leftovers.push(path);
      }
    for (const { path } of places) await rename(path + suffix, path);
    leftovers.length = 0;
  } finally {
    for (const path of leftovers) await rm(path, { force: true });
  }
  return places.map(({ path }) => path);
}

function modeOf({ secret }: CertificateFile): number {
  return secret ? 0o600 : 0o644;
}

/** O_EXCL: neither an existing file nor a symbolic link that somebody has put there is written through. */
async function create(
  path: string,
  { content, mode }: { content: string | Buffer; mode: number },
): Promise<void> {
  await using file = await open(path, "wx", mode);
  await file.writeFile(content);
}

function read<Value>(path: string, parse: () => Value): Value {
  try {
    return parse();
  } catch (cause) {
    throw new Error(`${path} cannot be read as unencrypted PEM`, { cause });
  }
}
