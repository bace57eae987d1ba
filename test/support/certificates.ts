/**
 * Certificates for tests, made in memory in about a millisecond: every test has its own authority, so no test depends on files
 * that another one or a script has made, and expired or wrong certificates cost nothing.
 */
import type { KeyObject, X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { CrlOptions } from "../../src/pki/crl.ts";
import { createCrl } from "../../src/pki/crl.ts";
import type { AuthorityOptions, CertificateRequest, Certified } from "../../src/pki/dev-ca.ts";
import { createAuthority, issueCertificate } from "../../src/pki/dev-ca.ts";
import type { KeyKind } from "../../src/pki/key.ts";
import { generateKey, keyPem } from "../../src/pki/key.ts";
import { createPkcs12 } from "../../src/pki/pkcs12.ts";
import type { RevocationReason } from "../../src/pki/revocation-reasons.ts";
import type { SubjectAlternativeName } from "../../src/pki/subject-alternative-name.ts";
import { parseSubjectAlternativeName } from "../../src/pki/subject-alternative-name.ts";

export interface TestRequest extends Omit<CertificateRequest, "sans" | "subject"> {
  /** Default: localhost. */
  readonly cn?: string;
  readonly o?: string;
  readonly ou?: string;
  /** Default: the cn; for localhost 127.0.0.1 and ::1 as well. An empty list: none. */
  readonly sans?: readonly (string | SubjectAlternativeName)[];
  /** Encrypts `key`. */
  readonly passphrase?: string;
}

export interface TestCertificate {
  /** PEM, without its issuers. */
  readonly cert: string;
  /** PEM, PKCS#8. */
  readonly key: string;
  /** PEM: the certificate and the intermediate authorities, as a server sends them. */
  readonly chain: string;
  readonly certificate: X509Certificate;
  pfx(passphrase: string): Buffer;
}

export interface TestAuthority {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  readonly certificate: X509Certificate;
  issue(request?: TestRequest): TestCertificate;
  /** An authority that this one has issued. */
  intermediate(name?: string, options?: AuthorityOptions): TestAuthority;
  /** PEM; takes what `issue` returned. */
  crl(revoked: readonly Revoked[], options?: CrlOptions): string;
}

/** What `issue` returned, and why it is revoked. */
export interface Revoked {
  readonly certificate: X509Certificate;
  readonly reason?: RevocationReason;
}

export function testAuthority(name = "Test CA", options: AuthorityOptions = {}): TestAuthority {
  return authority(createAuthority({ subject: { commonName: name }, ...keyed(options) }), []);
}

/** A private temporary directory with these files (0600); `using files = writeFiles({…})` removes it at the end. */
export function writeFiles(files: Readonly<Record<string, string | Buffer>>): {
  readonly dir: string;
  path(name: string): string;
  [Symbol.dispose](): void;
} {
  const dir = mkdtempSync(join(tmpdir(), "equilibria-tunnel-"));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), content, { mode: 0o600 });
  }
  return {
    dir,
    path: (name) => join(dir, name),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** `above`: the intermediate authorities between this one and the root, this one included when it is one. */
function authority(issuer: Certified, above: readonly X509Certificate[]): TestAuthority {
  return {
    cert: issuer.certificate.toString(),
    key: keyPem(issuer.key),
    certificate: issuer.certificate,
    issue(request = {}) {
      return issued(issueCertificate(issuer, certificateRequest(request)), above, request.passphrase);
    },
    intermediate(name = "Test intermediate CA", options = {}) {
      const made = createAuthority({ subject: { commonName: name }, ...keyed(options), issuer });
      return authority(made, [made.certificate, ...above]);
    },
    crl(revoked, options) {
      const date = new Date(Date.now() - 60_000);
      const entries = revoked.map(({ certificate, reason }) => ({
        serial: certificate.serialNumber,
        date,
        reason,
      }));
      return createCrl(issuer, entries, options);
    },
  };
}

function issued(
  certified: Certified,
  above: readonly X509Certificate[],
  passphrase: string | undefined,
): TestCertificate {
  const { certificate, key } = certified;
  return {
    cert: certificate.toString(),
    key: keyPem(key, passphrase),
    chain: [certificate, ...above].map(String).join(""),
    certificate,
    pfx: (secret) => createPkcs12(certified, { passphrase: secret, authorities: above }),
  };
}

function certificateRequest(request: TestRequest): CertificateRequest {
  const { cn = "localhost", o, ou, sans = namesOf(cn), passphrase: _, days = 30, ...rest } = request;
  return {
    // not cut at the end of the authority, so that an expired authority can be tested with a good certificate
    notAfter: new Date((rest.notBefore?.getTime() ?? Date.now()) + days * 86_400_000),
    ...keyed(rest),
    subject: { commonName: cn, organization: o, organizationalUnit: ou },
    sans: sans.map((name) => (typeof name === "string" ? parseSubjectAlternativeName(name) : name)),
  };
}

/** A common name that cannot be an alternative name ("Alice Smith") stays the only one. */
function namesOf(cn: string): readonly (string | SubjectAlternativeName)[] {
  if (cn === "localhost") return ["localhost", "127.0.0.1", "::1"];
  try {
    return [parseSubjectAlternativeName(cn)];
  } catch {
    return [];
  }
}

const rsaKeys = new Map<KeyKind, KeyObject>();

/** An RSA key takes a tenth of a second to make: one per size and process. ECDSA keys are always new. */
function keyed<Options extends { readonly key?: KeyKind | KeyObject }>(options: Options): Options {
  const kind = options.key;
  if (kind !== "rsa" && kind !== "rsa-3072") return options;
  const key = rsaKeys.get(kind) ?? generateKey(kind);
  rsaKeys.set(kind, key);
  return { ...options, key };
}
