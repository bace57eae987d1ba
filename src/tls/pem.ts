import { createPrivateKey, X509Certificate } from "node:crypto";

const wholeCertificates = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * The certificates in a text, which may hold anything else; empty when there are none.
 *
 * @throws Error of OpenSSL for one that is damaged
 */
export function pemCertificates(text: string): readonly X509Certificate[] {
  return (text.match(wholeCertificates) ?? []).map((block) => new X509Certificate(block));
}

/** Whether a certificate begins and does not end, as in a file that is only half written. */
export function isCutOff(text: string): boolean {
  const begun = text.match(/-----BEGIN CERTIFICATE-----/g) ?? [];
  return begun.length > (text.match(wholeCertificates) ?? []).length;
}

export type Wanted = "certificate" | "key";

interface Content {
  readonly label: RegExp;
  readonly kind?: Wanted;
  readonly is: string;
  /** What helps whoever wants a file of that kind; without it, the file is what is wanted, and damaged. */
  readonly advice?: string;
}

/** What else people name by mistake. */
const contents: readonly Content[] = [
  { label: /^CERTIFICATE$/, kind: "certificate", is: "a certificate" },
  {
    label: /^TRUSTED CERTIFICATE$/,
    kind: "certificate",
    is: "a certificate with settings of OpenSSL",
    advice: '"openssl x509 -in FILE" writes it without them',
  },
  {
    label: /^(NEW )?CERTIFICATE REQUEST$/,
    kind: "certificate",
    is: "a certificate request",
    advice: "name what the authority has made of it",
  },
  {
    label: /^(PKCS7|CMS)$/,
    kind: "certificate",
    is: "PKCS#7",
    advice: '"openssl pkcs7 -print_certs -in FILE" writes the certificates in it',
  },
  { label: /^X509 CRL$/, is: "a revocation list" },
  {
    label: /^OPENSSH PRIVATE KEY$/,
    kind: "key",
    is: "a key of OpenSSH",
    advice: '"ssh-keygen -p -m PKCS8 -f FILE" rewrites it',
  },
  { label: /PRIVATE KEY$/, kind: "key", is: "a private key" },
  {
    label: /PUBLIC KEY$/,
    kind: "key",
    is: "a public key",
    advice: "name the private one that belongs to it",
  },
  { label: / PARAMETERS$/, kind: "key", is: "parameters of a key", advice: "the key itself is missing" },
];

/**
 * Says what is in a file that is not what was wanted, and what helps; undefined when that cannot be told. Tells no secrets.
 */
export function contentsOf(bytes: Buffer, wanted: Wanted): string | undefined {
  if (bytes.length === 0) return "it is empty";
  const text = bytes.toString("latin1");
  if (/^(\xff\xfe|\xfe\xff)/.test(text)) return "it is in UTF-16: save it as UTF-8";
  const [, label] = /-----BEGIN ([A-Z0-9 ]+)-----/.exec(text) ?? [];
  if (label === undefined) return isDer(bytes) ? derContents(bytes, wanted) : undefined;
  if (text.includes("\\n")) return 'it has "\\n" in place of its line ends';
  if (!text.includes(`-----END ${label}-----`)) return `it is cut off before END ${label}`;
  const found = contents.find((one) => one.label.test(label));
  if (!found) return undefined;
  if (found.kind !== wanted) return `it holds ${found.is}`;
  return found.advice && `it holds ${found.is}: ${found.advice}`;
}

/** An ASN.1 SEQUENCE, as all of them are (X.690, 8.9). */
function isDer(bytes: Buffer): boolean {
  return bytes[0] === 0x30;
}

function derContents(bytes: Buffer, wanted: Wanted): string | undefined {
  const inPem = (kind: Wanted, command: string) =>
    kind === wanted ? `: "openssl ${command} -inform der -in FILE" writes it in PEM` : "";
  if (succeeds(() => new X509Certificate(bytes)))
    return `it holds a certificate in DER${inPem("certificate", "x509")}`;
  const types = ["pkcs8", "pkcs1", "sec1"] as const;
  if (types.some((type) => succeeds(() => createPrivateKey({ key: bytes, format: "der", type }))))
    return `it holds a private key in DER${inPem("key", "pkey")}`;
  // version 3 comes first in a PFX (RFC 7292, 4)
  return bytes.subarray(0, 8).includes(Buffer.of(2, 1, 3)) ? 'it holds PKCS#12: name it as "pfx"' : undefined;
}

function succeeds(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}
