import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import {
  type CertificateDescription,
  certificateLines,
  describeCertificate,
} from "./certificate-description.ts";
import type { Print } from "./certs.ts";
import { CliError, exit } from "./cli-error.ts";

/** What `certs show --json` prints for each certificate. */
interface Shown extends CertificateDescription {
  readonly file: string;
}

/** `certs show` */
export async function showCertificates(
  files: readonly string[],
  { json, print }: { json: boolean; print: Print },
): Promise<void> {
  const described: Shown[] = [];
  for (const file of files)
    for (const certificate of await readCertificates(file))
      described.push({ file, ...describeCertificate(certificate) });
  if (json) print(JSON.stringify(described, null, 2));
  else
    print(
      described
        .map((one) => [one.file, ...certificateLines(one).map((line) => `  ${line}`)].join("\n"))
        .join("\n\n"),
    );
}

async function readCertificates(file: string): Promise<readonly X509Certificate[]> {
  const content = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    const code = cause.code === "EACCES" ? exit.noPermission : exit.noInput;
    throw new CliError(code, `cannot read ${file}: ${cause.message}`, { cause });
  });
  const blocks = content
    .toString("latin1")
    .match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  try {
    return blocks ? blocks.map((block) => new X509Certificate(block)) : [new X509Certificate(content)];
  } catch (cause) {
    throw new CliError(exit.failed, `${file} holds no certificate in PEM or DER`, { cause });
  }
}
