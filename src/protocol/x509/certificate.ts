import {
  context,
  contextOf,
  DerReader,
  derChildren,
  derInteger,
  derNamedBits,
  derOctetBits,
  derOid,
  derTags,
  readDer,
} from "../../core/der.ts";
import { type Extensions, extensionIds, readExtensions } from "./extensions.ts";

/** What node:crypto does not give out of a certificate, as bytes. */
export interface CertificateFields {
  /** The INTEGER's contents. */
  readonly serial: Buffer;
  /** The issuer's name, encoded. */
  readonly issuer: Buffer;
  /** The subject's name, encoded. */
  readonly subject: Buffer;
  /** The SubjectPublicKeyInfo, encoded: what pins are digests of. */
  readonly keyInfo: Buffer;
  /** The bits of the public key, which key identifiers are digests of. */
  readonly keyBits: Buffer;
  readonly extensions: Extensions;
}

/** Bit positions (RFC 5280, 4.2.1.3). */
export const keyUsages = { digitalSignature: 0, keyCertSign: 5, cRLSign: 6 } as const;

/**
 * Takes a certificate apart that OpenSSL has accepted.
 *
 * @param der as `X509Certificate.raw` has it
 * @throws DerError
 */
export function readCertificate(der: Buffer): CertificateFields {
  const certificate = new DerReader(readDer(der, derTags.sequence).contents);
  const fields = certificate.enter(derTags.sequence);
  fields.optional(contextOf(0)); // version
  const serial = derInteger(fields.next(derTags.integer));
  fields.next(derTags.sequence); // signature algorithm
  const issuer = fields.next(derTags.sequence).whole;
  fields.next(derTags.sequence); // validity
  const subject = fields.next(derTags.sequence).whole;
  const { whole: keyInfo, contents } = fields.next(derTags.sequence);
  const key = new DerReader(contents);
  key.next(derTags.sequence); // algorithm
  const keyBits = derOctetBits(key.next(derTags.bitString));
  fields.optional(context(1)); // unique identifiers, which nobody uses
  fields.optional(context(2));
  const explicit = fields.optional(contextOf(3));
  fields.end();
  const extensions = explicit ? readExtensions(readDer(explicit.contents, derTags.sequence)) : new Map();
  return { serial, issuer, subject, keyInfo, keyBits, extensions };
}

/**
 * Whether the key may be used so. A certificate without the extension does not restrict it.
 *
 * @throws DerError
 */
export function mayUseKey({ extensions }: CertificateFields, usage: keyof typeof keyUsages): boolean {
  const value = extensions.get(extensionIds.keyUsage)?.value;
  return value === undefined || derNamedBits(readDer(value, derTags.bitString))(keyUsages[usage]);
}

/**
 * The purposes of the extended key usage in dotted form; undefined without the extension.
 *
 * @throws DerError
 */
export function purposesOf({ extensions }: CertificateFields): readonly string[] | undefined {
  const value = extensions.get(extensionIds.extendedKeyUsage)?.value;
  return value && derChildren(readDer(value, derTags.sequence)).map(derOid);
}

/**
 * What the certificates that it issues name as their authority key identifier; undefined without the extension.
 *
 * @throws DerError
 */
export function subjectKeyIdentifier({ extensions }: CertificateFields): Buffer | undefined {
  const value = extensions.get(extensionIds.subjectKeyIdentifier)?.value;
  return value && readDer(value, derTags.octetString).contents;
}
