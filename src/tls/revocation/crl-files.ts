import { createHash } from "node:crypto";
import { setImmediate as breath } from "node:timers/promises";
import { describeSocketError, errorCode } from "../../net/socket-error.ts";
import { type Crl, CrlError, readCrlInSteps } from "../../protocol/x509/crl.ts";
import { nameText } from "../../protocol/x509/name.ts";
import type { TlsFiles } from "../files.ts";
import { MaterialError, type MaterialOption } from "../identity.ts";

/** A CRL of a file. */
export interface FiledCrl {
  readonly crl: Crl;
  /** The file. */
  readonly source: string;
  /** The issuer's name, for people. */
  readonly issuer: string;
  /** SHA-256 of the list, hexadecimal. */
  readonly digest: string;
}

/** What is read in a folder; the numbers are of c_rehash, which links to the files. */
const listName = /\.(crl|pem|der|r\d+)$/i;

/**
 * Reads CRLs, PEM or DER; of a folder all files that are named as CRLs are. The same list twice is one.
 *
 * @throws MaterialError when a path holds no CRL or one that must not be used
 */
export async function loadCrls(
  paths: readonly string[],
  { option, files }: { readonly option: MaterialOption; readonly files: TlsFiles },
): Promise<readonly FiledCrl[]> {
  const found = new Map<string, FiledCrl>();
  for (const path of paths)
    for (const source of await filesIn(path, { option, files }))
      for (const der of await readLists(source, { option, files })) {
        const digest = createHash("sha256").update(der).digest("hex");
        if (!found.has(digest)) found.set(digest, { ...(await open(der, { source, option })), digest });
      }
  return [...found.values()];
}

async function filesIn(
  path: string,
  { option, files }: { readonly option: MaterialOption; readonly files: TlsFiles },
): Promise<readonly string[]> {
  try {
    const listed = (await files.list(path)).filter((name) => listName.test(name));
    if (listed.length > 0) return listed;
  } catch (cause) {
    // a file, or nothing: reading it will tell
    if (["ENOTDIR", "ENOENT"].includes(errorCode(cause) ?? "")) return [path];
    throw new MaterialError(option, `cannot read ${path}: ${describeSocketError(cause)}`, { cause });
  }
  throw new MaterialError(option, `${path} is a folder without a file called *.crl, *.pem, *.der or *.r0`);
}

async function readLists(
  source: string,
  { option, files }: { readonly option: MaterialOption; readonly files: TlsFiles },
): Promise<readonly Buffer[]> {
  const content = await files.read(source).catch((cause: unknown) => {
    throw new MaterialError(option, `cannot read ${source}: ${describeSocketError(cause)}`, { cause });
  });
  // a DER file begins with a SEQUENCE, a PEM file with a text
  if (content[0] === 0x30 && !content.includes("-----BEGIN ")) return [content];
  const blocks = content.toString("latin1").match(/-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/g);
  if (!blocks) throw new MaterialError(option, `${source} holds no CRL, neither PEM nor DER`);
  return blocks.map((block) => Buffer.from(block.replaceAll(/-----[^-]+-----/g, ""), "base64"));
}

async function open(
  der: Buffer,
  { source, option }: { readonly source: string; readonly option: MaterialOption },
): Promise<Omit<FiledCrl, "digest">> {
  try {
    const crl = await read(der);
    return { crl, source, issuer: nameText(crl.issuer) };
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    const message =
      cause instanceof CrlError ? cause.message : `is no CRL that can be read: ${cause.message}`;
    throw new MaterialError(option, `${source} ${message}`, { cause });
  }
}

/** Sessions go on while a long list is read. */
async function read(der: Buffer): Promise<Crl> {
  for (const steps = readCrlInSteps(der); ; ) {
    const step = steps.next();
    if (step.done) return step.value;
    await breath();
  }
}
