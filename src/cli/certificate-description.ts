import type { X509Certificate } from "node:crypto";
import { isIPv6, SocketAddress } from "node:net";
import { keyText } from "../tls/key-text.ts";
import { spkiOf } from "../tls/peer.ts";

/** A certificate as it is shown to people and programs; `fingerprint` and `spki` are what `allow` takes. */
export interface CertificateDescription {
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  readonly names: readonly { readonly type: string; readonly value: string }[];
  readonly notBefore: string;
  readonly notAfter: string;
  /** Whole days; negative when it has ended. */
  readonly daysLeft: number;
  readonly key: string;
  /** What it was signed with. */
  readonly signature: string;
  readonly usage: readonly string[];
  readonly fingerprint: string;
  readonly spki: string;
}

export function describeCertificate(certificate: X509Certificate): CertificateDescription {
  const { validFromDate, validToDate } = certificate;
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    serial: certificate.serialNumber.toLowerCase(),
    names: alternativeNames(certificate.subjectAltName),
    notBefore: validFromDate.toISOString(),
    notAfter: validToDate.toISOString(),
    daysLeft: Math.floor((validToDate.getTime() - Date.now()) / 86_400_000),
    key: keyOf(certificate),
    signature: certificate.signatureAlgorithm ?? "unknown",
    usage: usagesOf(certificate),
    fingerprint: `sha256:${certificate.fingerprint256.replaceAll(":", "").toLowerCase()}`,
    spki: spkiOf(certificate),
  };
}

/** Its facts, a line each. */
export function certificateLines(certificate: CertificateDescription): readonly string[] {
  const { daysLeft, names, usage } = certificate;
  const begun = Date.parse(certificate.notBefore) <= Date.now();
  const left = daysLeft < 0 ? "ENDED" : begun ? `${daysLeft} days left` : "NOT YET VALID";
  const lines = {
    subject: certificate.subject || "(empty)",
    issuer: certificate.issuer,
    serial: certificate.serial,
    names: names.map(({ type, value }) => `${type} ${value}`).join(", ") || "(none)",
    valid: `${certificate.notBefore} to ${certificate.notAfter} (${left})`,
    key: certificate.key,
    signature: certificate.signature,
    usage: usage.join(", "),
    fingerprint: certificate.fingerprint,
    spki: certificate.spki,
  };
  return Object.entries(lines).map(([name, value]) => `${name.padEnd(12)} ${printable(value)}`);
}

/** A certificate comes from anywhere: its names must neither steer the terminal nor turn the line around. */
function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

/** Node separates with line ends and escapes those within a value. Undefined for an empty name, whatever its type says. */
function oneLine(name: string | undefined): string {
  return (name ?? "").trim().split("\n").join(", ");
}

const nameTypes: Readonly<Record<string, string>> = {
  DNS: "dns",
  "IP Address": "ip",
  URI: "uri",
  email: "email",
};

/** Node writes `TYPE:value, TYPE:value`, and a value with a comma or a control character as a JSON string. */
function alternativeNames(text: string | undefined): CertificateDescription["names"] {
  const found = (text ?? "").matchAll(/(?:^|, )([^:]+):("(?:[^"\\]|\\.)*"|[^,]*)/g);
  return Array.from(found, ([, label = "", written = ""]) => {
    const value: unknown = written.startsWith('"') ? JSON.parse(written) : written;
    return { type: nameTypes[label] ?? label, value: canonical(String(value)) };
  });
}

/** OpenSSL writes 0:0:0:0:0:0:0:1. */
function canonical(value: string): string {
  return isIPv6(value) ? new SocketAddress({ address: value, family: "ipv6" }).address : value;
}

/** Of a key that OpenSSL does not know, there is only its pin to show. */
function keyOf(certificate: X509Certificate): string {
  try {
    return keyText(certificate.publicKey);
  } catch {
    return "unknown";
  }
}

const purposes: Readonly<Record<string, string>> = {
  "1.3.6.1.5.5.7.3.1": "server",
  "1.3.6.1.5.5.7.3.2": "client",
};

/** X509Certificate's `keyUsage` is the extended key usage; without one a certificate is good for everything. */
function usagesOf(certificate: X509Certificate): readonly string[] {
  const listed: readonly string[] | undefined = certificate.keyUsage;
  if (certificate.ca) return ["authority"];
  return listed ? listed.map((purpose) => purposes[purpose] ?? purpose) : ["any"];
}
