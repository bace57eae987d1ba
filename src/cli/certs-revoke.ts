import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createCrl, type Revocation } from "../pki/crl.ts";
import type { Certified } from "../pki/dev-ca.ts";
import { type RevocationReason, revocationReasons } from "../pki/revocation-reasons.ts";
import { writeCertificateFiles } from "../pki/store.ts";
import { type Crl, CrlError, parseCrl } from "../protocol/x509/crl.ts";
import { signatureFault } from "../protocol/x509/signature.ts";
import type { Print, RevokeOptions } from "./certs.ts";
import { cannotWrite, openAuthority } from "./certs-authority.ts";
import { CliError, exit } from "./cli-error.ts";

const listName = "ca.crl";
const dayMilliseconds = 86_400_000;
const usualDays = 30;

/** `certs revoke` and, without certificates, `certs crl`: the list is the only record of what was revoked. */
export async function revokeCertificates(
  certificates: readonly string[],
  { dir, days = usualDays, reason }: RevokeOptions,
  print: Print,
): Promise<void> {
  const authority = await openAuthority(dir);
  const path = join(dir, listName);
  const last = await readList(path, authority);
  const before = last ? [...last.revocations()].map(asListed) : [];
  const added: Revocation[] = [];
  for (const name of certificates) {
    const certificate = await readCertificate(name, dir);
    checkIssuer(certificate, authority, name);
    const serial = certificate.serialNumber.toLowerCase();
    if ([...before, ...added].some((one) => one.serial === serial)) print(`${name} is revoked already`);
    else added.push({ serial, date: new Date(), reason });
  }
  const revoked = [...before, ...added];
  const nextUpdate = new Date(Date.now() + days * dayMilliseconds);
  const number = (last?.number === undefined ? 0 : Number.parseInt(last.number, 16)) + 1;
  const content = createCrl(authority, revoked, { number, nextUpdate });
  await writeCertificateFiles(dir, [{ name: listName, content, secret: false }], { force: true }).catch(
    (error: NodeJS.ErrnoException) => {
      throw cannotWrite(error, "");
    },
  );
  const what = revoked.length === 1 ? "1 revoked certificate" : `${revoked.length} revoked certificates`;
  print(`wrote ${path}  list of ${what}, valid until ${nextUpdate.toISOString().slice(0, 10)}`);
  print(`use   frontend: { tls: { client: { ca: ${join(dir, "ca.crt")}, crl: ${path} } } }`);
  print(
    `then  reload with SIGHUP whenever the list has changed, and make a new one before it ends: certs crl`,
  );
}

async function readList(path: string, { certificate }: Certified): Promise<Crl | undefined> {
  const pem = await readFile(path, "latin1").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw new CliError(exit.noInput, `cannot read ${path}: ${cause.message}`, { cause });
  });
  if (pem === undefined) return undefined;
  const remedy = "; move it away to begin a new one, which forgets what was revoked";
  try {
    const crl = parseCrl(Buffer.from(pem.replaceAll(/-----[^-]+-----/g, ""), "base64"));
    const fault = signatureFault(crl, certificate.publicKey);
    if (fault === undefined) return crl;
    throw new CliError(exit.failed, `${path} ${fault}${remedy}`);
  } catch (cause) {
    if (!(cause instanceof CrlError)) throw cause;
    throw new CliError(exit.failed, `${path} ${cause.message}${remedy}`, { cause });
  }
}

function asListed({
  serial,
  date,
  reason,
}: {
  serial: Buffer;
  date: Date;
  reason: string | undefined;
}): Revocation {
  const digits = serial.toString("hex").replace(/^00(?=.)/, "");
  return { serial: digits, date, reason: isReason(reason) ? reason : undefined };
}

function isReason(reason: string | undefined): reason is RevocationReason {
  return reason !== undefined && Object.hasOwn(revocationReasons, reason);
}

/** A path, or the name of one of the directory's certificates. */
async function readCertificate(name: string, dir: string): Promise<X509Certificate> {
  const path = /[/.]/.test(name) ? name : join(dir, `${name}.crt`);
  const content = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const code = cause.code === "EACCES" ? exit.noPermission : exit.noInput;
    throw new CliError(code, `cannot read ${path}: ${cause.message}`, { cause });
  });
  try {
    return new X509Certificate(content);
  } catch (cause) {
    throw new CliError(exit.failed, `${path} holds no certificate`, { cause });
  }
}

function checkIssuer(certificate: X509Certificate, authority: Certified, name: string): void {
  const { certificate: issuer } = authority;
  if (certificate.raw.equals(issuer.raw))
    throw new CliError(exit.usage, `${name} is the CA itself: make a new one with certs init --force`);
  if (!certificate.checkIssued(issuer) || !certificate.verify(issuer.publicKey))
    throw new CliError(exit.failed, `${name} is no certificate of this CA, which cannot revoke it`);
}
