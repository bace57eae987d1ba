import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Certified, createAuthority, issueCertificate } from "../src/pki/dev-ca.ts";
import { type KeyKind, keyPem } from "../src/pki/key.ts";
import { parseSubjectAlternativeName } from "../src/pki/subject-alternative-name.ts";

/** Writes ca.crt, and for `ec` and `rsa` NAME.crt, NAME.key, and both together as NAME.pem. */
export async function writeCredentials(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const authority = createAuthority({ subject: { commonName: "benchmark CA" } });
  await writeFile(join(directory, "ca.crt"), authority.certificate.toString());
  await writeIdentity(directory, "ec", issue(authority, "ecdsa"));
  await writeIdentity(directory, "rsa", issue(authority, "rsa"));
}

function issue(authority: Certified, key: KeyKind): Certified {
  return issueCertificate(authority, {
    key,
    subject: { commonName: "localhost" },
    sans: ["localhost", "127.0.0.1"].map(parseSubjectAlternativeName),
    usage: "server",
  });
}

async function writeIdentity(directory: string, name: string, { certificate, key }: Certified) {
  const [chain, secret] = [certificate.toString(), keyPem(key)];
  await writeFile(join(directory, `${name}.crt`), chain);
  await writeFile(join(directory, `${name}.key`), secret, { mode: 0o600 });
  await writeFile(join(directory, `${name}.pem`), `${chain}${secret}`, { mode: 0o600 });
}
