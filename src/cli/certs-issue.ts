import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { createAuthority, issueCertificate } from "../pki/dev-ca.ts";
import { longestCommonName } from "../pki/distinguished-name.ts";
import { createPkcs12 } from "../pki/pkcs12.ts";
import { authorityFiles, certificateFiles, writeCertificateFiles } from "../pki/store.ts";
import { parseSubjectAlternativeName } from "../pki/subject-alternative-name.ts";
import type { InitOptions, IssueOptions, Print } from "./certs.ts";
import { cannotWrite, endOf, openAuthority } from "./certs-authority.ts";
import { CliError, exit } from "./cli-error.ts";

/** `certs init` */
export async function initAuthority(options: InitOptions, print: Print): Promise<void> {
  const { dir, key, days, name, force = false } = options;
  if (name.length === 0 || name.length > longestCommonName)
    throw new CliError(exit.usage, `--name has 1 to ${longestCommonName} characters`);
  const authority = createAuthority({ subject: { commonName: name }, key, ...(days && { days }) });
  const [certificateFile, keyFile] = await writeCertificateFiles(dir, authorityFiles(authority), {
    force,
  }).catch((error: NodeJS.ErrnoException) => {
    throw cannotWrite(error, "; all certificates of the old CA become worthless");
  });
  print(`wrote ${certificateFile}  CA certificate, valid until ${endOf(authority)}`);
  print(`wrote ${keyFile}  CA private key: who has it can issue certificates, keep it to yourself`);
  print(`use   tls: { ca: ${certificateFile} }  wherever certificates of this CA are to be trusted`);
}

/** `certs server` and `certs client`: the names become the alternative names, the first one the common name. */
export async function issueToFiles(
  names: readonly string[],
  options: IssueOptions,
  print: Print,
): Promise<void> {
  const { dir, usage, key, days, force = false } = options;
  const sans = names.map(parseName);
  const name = options.out === undefined ? fileNameFor(names[0] ?? "") : checkFileName(options.out);
  const passphrase = await readPassphrase(options);
  const authority = await openAuthority(dir);
  const subject = commonNameFor(names[0] ?? "");
  const issued = issueCertificate(authority, { subject, sans, usage, key, ...(days && { days }) });
  const files = [...certificateFiles(name, issued, passphrase)];
  if (options.pkcs12 && passphrase !== undefined) {
    const content = createPkcs12(issued, {
      passphrase,
      authorities: [authority.certificate],
      friendlyName: name,
    });
    files.push({ name: `${name}.p12`, content, secret: true });
  }
  const [certificateFile = "", keyFile = "", pkcs12File] = await writeCertificateFiles(dir, files, {
    force,
  }).catch((error: NodeJS.ErrnoException) => {
    throw cannotWrite(error, "");
  });
  const encrypted = passphrase === undefined ? "" : ", encrypted";
  print(`wrote ${certificateFile}  ${usageText[usage]} certificate, valid until ${endOf(issued)}`);
  print(`wrote ${keyFile}  private key${encrypted}`);
  if (pkcs12File) print(`wrote ${pkcs12File}  both and the CA certificate in PKCS#12${encrypted}`);
  const opened =
    options.passphraseFile === undefined ? "" : `, passphrase: { file: ${options.passphraseFile} }`;
  const identity = `cert: ${certificateFile}, key: ${keyFile}${opened}`;
  if (usage !== "client") print(`use   frontend: { tls: { ${identity} } }`);
  if (usage === "server") return;
  const authorityFile = join(dir, "ca.crt");
  print(`use   backend: { tls: { ca: ${authorityFile}, ${identity} } }`);
  print(`use   frontend: { tls: { client: { ca: ${authorityFile} } } }  to require such certificates`);
}

/** `certs ticket-key` */
export async function makeTicketKey(
  file: string,
  { force, print }: { readonly force: boolean; readonly print: Print },
): Promise<void> {
  const secret = { name: basename(file), content: randomBytes(48), secret: true };
  const [path = ""] = await writeCertificateFiles(dirname(file), [secret], { force }).catch(
    (error: NodeJS.ErrnoException) => {
      throw cannotWrite(error, "; sessions under the old one can be resumed no more");
    },
  );
  print(`wrote ${path}  secret for session tickets: who has it can read what was said under them`);
  print(`use   frontend: { tls: { session: { keys: ${path} } } }  on every machine of the fleet`);
}

const usageText = { server: "server", client: "client", both: "server and client" } as const;

function parseName(text: string) {
  try {
    return parseSubjectAlternativeName(text);
  } catch (cause) {
    if (cause instanceof RangeError) throw new CliError(exit.usage, cause.message, { cause });
    throw cause;
  }
}

/** A name that is too long for the subject is an alternative name only, which is all that clients look at (RFC 9525). */
function commonNameFor(name: string) {
  return name.length > longestCommonName ? {} : { commonName: name };
}

/** `*.example.com` → `wildcard.example.com`, `spiffe://example.org/web` → `spiffe-example.org-web`, `::1` → `1` */
function fileNameFor(name: string): string {
  const words = name.replace("*", "wildcard").replaceAll(/[^a-zA-Z0-9._]+/g, "-");
  return checkFileName(words.replaceAll(/^[-.]+|[-.]+$/g, "").slice(0, 200));
}

function checkFileName(name: string): string {
  if (!/^[a-z0-9_][a-z0-9._-]{0,199}$/i.test(name))
    throw new CliError(
      exit.usage,
      `"${name}" cannot name the files, give letters, digits, dots and hyphens with --out`,
    );
  // on a file system that ignores case, CA.crt is ca.crt
  if (name.toLowerCase() === "ca")
    throw new CliError(exit.usage, `"${name}" names the files of the CA, give another name with --out`);
  return name;
}

/** OpenSSL reads no longer passphrase for a PEM key (PEM_BUFSIZE). */
const longestPassphrase = 1024;

async function readPassphrase({ passphraseFile, pkcs12 }: IssueOptions): Promise<string | undefined> {
  if (passphraseFile === undefined) {
    if (pkcs12) throw new CliError(exit.usage, "--pkcs12 needs --passphrase-file FILE");
    return undefined;
  }
  const content = await readFile(passphraseFile, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new CliError(
      cause.code === "EACCES" ? exit.noPermission : exit.noInput,
      `cannot read the passphrase file ${passphraseFile}: ${cause.message}`,
      { cause },
    );
  });
  const passphrase = content.replace(/\r?\n$/, "");
  if (passphrase === "" || /[\r\n\0]/.test(passphrase) || Buffer.byteLength(passphrase) > longestPassphrase)
    throw new CliError(
      exit.usage,
      `${passphraseFile} must hold one line with the passphrase, ${longestPassphrase} bytes at most`,
    );
  return passphrase;
}
