import { createPrivateKey, type KeyObject, type X509Certificate } from "node:crypto";
import { OptionError } from "../core/plugin.ts";
import { describeSocketError, errorCode } from "../net/socket-error.ts";
import { diskFiles, type TlsFiles } from "./files.ts";
import { keyText } from "./key-text.ts";
import type { IdentityOptions } from "./options.ts";
import { contentsOf, isCutOff, pemCertificates, type Wanted } from "./pem.ts";
import { openPkcs12 } from "./pkcs12.ts";

/** A certificate with its chain and the key that fits it. */
export interface Identity {
  /** PEM: the leaf, then its intermediates. */
  readonly cert: string;
  /** PEM, not encrypted: never log it. */
  readonly key: string;
  readonly leaf: X509Certificate;
  /** The file that the leaf comes from. */
  readonly source: string;
  /** What names that file. */
  readonly option: MaterialOption;
}

/** The key of a `tls` block that names a file, or what is used with one. */
export type MaterialOption =
  | `certificates.${number}.${string}`
  | "cert"
  | "key"
  | "pfx"
  | "passphrase"
  | "ca"
  | "client.ca"
  | "allow.certificates"
  | "client.allow.certificates"
  | "client.authorize.ca"
  | "session.keys"
  | "crl"
  | "client.crl"
  | "ocspStapling.issuer"
  | "psk.file"
  | "ciphers"
  | "signatureAlgorithms"
  | "groups";

/** A file of TLS material that cannot be used; `option` is the key that names it. */
export class MaterialError extends OptionError<MaterialOption> {
  override readonly name = "MaterialError";
}

/**
 * Reads the identity that a `tls` block names; undefined when it names none.
 *
 * @throws MaterialError when a file is missing or damaged, the key does not fit, or the certificate is out of its time
 */
export async function loadIdentity(
  options: IdentityOptions,
  { files = diskFiles, now = new Date() }: { readonly files?: TlsFiles; readonly now?: Date } = {},
): Promise<Identity | undefined> {
  const option = options.pfx === undefined ? "cert" : "pfx";
  const source = options.pfx ?? options.cert;
  if (source === undefined) return undefined;
  const { key, certificates } = await (options.pfx === undefined
    ? readPem(options, files)
    : readPkcs12(options, files));
  const leaf = certificates.find((certificate) => certificate.checkPrivateKey(key));
  if (!leaf)
    throw new MaterialError(
      option === "cert" ? "key" : option,
      misfit(options, { key, certificates, source }),
    );
  checkDates(leaf, source, now, option);
  const chain = [leaf, ...certificates.filter((certificate) => certificate !== leaf)];
  return {
    cert: chain.map((certificate) => certificate.toString()).join(""),
    key: key.export({ type: "pkcs8", format: "pem" }).toString(),
    ...{ leaf, source, option },
  };
}

/**
 * Reads PEM certificates of authorities.
 *
 * @throws MaterialError when the file is missing or holds none
 */
export async function loadAuthorities(
  path: string,
  { option, files = diskFiles }: { readonly option: MaterialOption; readonly files?: TlsFiles },
): Promise<readonly string[]> {
  const certificates = certificatesIn(await readMaterial(files, path, option), path, option);
  return certificates.map((certificate) => certificate.toString());
}

async function readPem(options: IdentityOptions, files: TlsFiles) {
  const { cert = "", key = "" } = options;
  const certificates = certificatesIn(await readMaterial(files, cert, "cert"), cert, "cert");
  const passphrase = await passphraseOf(options, files);
  return { certificates, key: privateKey(await readMaterial(files, key, "key"), key, passphrase) };
}

async function readPkcs12(options: IdentityOptions, files: TlsFiles) {
  const { pfx = "" } = options;
  const der = await readMaterial(files, pfx, "pfx");
  try {
    return await openPkcs12(der, (await passphraseOf(options, files)) ?? "");
  } catch (cause) {
    if (cause instanceof MaterialError) throw cause;
    const wrong = /mac verify/i.test(String(cause))
      ? "the passphrase does not open it"
      : /not enough data|wrong tag|asn1|header too long/i.test(String(cause))
        ? "it is damaged, or no PKCS#12"
        : describeSocketError(cause);
    throw new MaterialError("pfx", `${pfx}: ${wrong}`, { cause });
  }
}

function certificatesIn(pem: Buffer, path: string, option: MaterialOption): readonly X509Certificate[] {
  const text = pem.toString("latin1");
  const certificates = readCertificates(text, path, option);
  if (certificates.length === 0)
    throw new MaterialError(option, `${path} holds no PEM certificate${because(pem, "certificate")}`);
  if (isCutOff(text)) throw new MaterialError(option, `${path} is cut off: a certificate in it has no end`);
  return certificates;
}

function readCertificates(text: string, path: string, option: MaterialOption): readonly X509Certificate[] {
  try {
    return pemCertificates(text);
  } catch (cause) {
    const why = because(Buffer.from(text, "latin1"), "certificate");
    throw new MaterialError(option, `${path} holds a damaged certificate${why}`, { cause });
  }
}

function because(bytes: Buffer, wanted: Wanted): string {
  const found = contentsOf(bytes, wanted);
  return found === undefined ? "" : `: ${found}`;
}

function privateKey(pem: Buffer, path: string, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey(passphrase === undefined ? pem : { key: pem, passphrase });
  } catch (cause) {
    // OpenSSL's codes for this differ from version to version
    if (
      /passphrase|interrupted or cancelled/i.test(`${errorCode(cause)} ${cause}`) &&
      passphrase === undefined
    )
      throw new MaterialError("key", `${path} is encrypted: it needs a "passphrase"`, { cause });
    if (/bad.decrypt|bad.password|maybe wrong password/i.test(`${errorCode(cause)} ${cause}`))
      throw new MaterialError("passphrase", `the passphrase does not open ${path}`, { cause });
    throw new MaterialError("key", `${path} holds no private key that can be read${because(pem, "key")}`, {
      cause,
    });
  }
}

interface Pair {
  readonly key: KeyObject;
  readonly certificates: readonly X509Certificate[];
  readonly source: string;
}

/** How a key that belongs to none of the certificates differs from what is wanted. */
function misfit({ key: path }: IdentityOptions, { key, certificates, source }: Pair): string {
  const text = `the key${path === undefined ? "" : ` in ${path}`} does not fit the certificate in ${source}`;
  if (certificates.every(({ ca }) => ca))
    return `${text}: there are only authorities in it, the certificate itself is missing`;
  const [wanted, found] = [certificates.find(({ ca }) => !ca), key].map(
    (one) => one && keyText("publicKey" in one ? one.publicKey : one),
  );
  return wanted === found
    ? `${text}: name the two that were made together`
    : `${text}: the certificate is for ${wanted}, the key is ${found}`;
}

function checkDates(leaf: X509Certificate, source: string, now: Date, option: MaterialOption): void {
  if (now < leaf.validFromDate)
    throw new MaterialError(option, `${source} is not valid before ${leaf.validFrom}`);
  if (now > leaf.validToDate) throw new MaterialError(option, `${source} has expired on ${leaf.validTo}`);
}

async function passphraseOf({ passphrase }: IdentityOptions, files: TlsFiles): Promise<string | undefined> {
  if (passphrase === undefined || typeof passphrase === "string") return passphrase;
  const text = await readMaterial(files, passphrase.file, "passphrase");
  return text.toString("utf8").replace(/\r?\n$/, "");
}

/** @throws MaterialError when the file cannot be read */
export async function readMaterial(files: TlsFiles, path: string, option: MaterialOption): Promise<Buffer> {
  try {
    return await files.read(path);
  } catch (cause) {
    throw new MaterialError(option, `cannot read ${path}: ${describeSocketError(cause)}`, { cause });
  }
}
