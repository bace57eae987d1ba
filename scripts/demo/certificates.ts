import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type CertificateRequest, createAuthority, issueCertificate } from "../../src/pki/dev-ca.ts";
import {
  authorityFiles,
  certificateFiles,
  readAuthority,
  writeCertificateFiles,
} from "../../src/pki/store.ts";
import { parseSubjectAlternativeName } from "../../src/pki/subject-alternative-name.ts";

/** What the demonstration and the examples under config/ expect in the certificate directory, beside the CA. */
const wanted: Readonly<Record<string, CertificateRequest>> = {
  server: {
    subject: { commonName: "localhost" },
    sans: ["localhost", "127.0.0.1", "::1"].map(parseSubjectAlternativeName),
    usage: "server",
  },
  client: {
    subject: { commonName: "demo-client" },
    sans: [parseSubjectAlternativeName("demo-client")],
    usage: "client",
  },
};

/**
 * Makes what is missing of `ca`, `server` and `client`, and leaves alone what is there.
 *
 * @returns the names of the certificates that were made
 * @throws Error when what is there cannot be used
 */
export async function ensureCertificates(directory: string): Promise<readonly string[]> {
  const made: string[] = [];
  if (!existsSync(join(directory, "ca.crt"))) {
    const authority = createAuthority({ subject: { commonName: "equilibria-tunnel development CA" } });
    await writeCertificateFiles(directory, authorityFiles(authority), { force: false });
    made.push("ca.crt");
  }
  const authority = await readAuthority(directory);
  for (const [name, request] of Object.entries(wanted)) {
    const file = join(directory, `${name}.crt`);
    if (existsSync(file)) requireUsable(file, authority.certificate);
    else {
      const files = certificateFiles(name, issueCertificate(authority, request));
      await writeCertificateFiles(directory, files, { force: false });
      made.push(`${name}.crt`);
    }
  }
  return made;
}

/** Somebody may have made a new CA since, or years have passed. */
function requireUsable(file: string, authority: X509Certificate): void {
  const certificate = new X509Certificate(readFileSync(file));
  const remedy = "delete it and its key, and start again";
  if (!certificate.verify(authority.publicKey)) throw new Error(`${file} is not from ca.crt: ${remedy}`);
  if (certificate.validToDate.getTime() <= Date.now()) throw new Error(`${file} has expired: ${remedy}`);
}
