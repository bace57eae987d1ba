import { type DerElement, DerError, DerReader, derBoolean, derOid, derTags } from "../../core/der.ts";

export interface Extension {
  /** Whoever does not understand it must not use what carries it (RFC 5280, 4.2). */
  readonly critical: boolean;
  /** The DER in the OCTET STRING. */
  readonly value: Buffer;
}

/** By dotted identifier. */
export type Extensions = ReadonlyMap<string, Extension>;

export const extensionIds = {
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAlternativeName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  crlNumber: "2.5.29.20",
  crlReason: "2.5.29.21",
  invalidityDate: "2.5.29.24",
  deltaCrlIndicator: "2.5.29.27",
  issuingDistributionPoint: "2.5.29.28",
  certificateIssuer: "2.5.29.29",
  crlDistributionPoints: "2.5.29.31",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  tlsFeature: "1.3.6.1.5.5.7.1.24",
  authorityInformationAccess: "1.3.6.1.5.5.7.1.1",
  ocspNonce: "1.3.6.1.5.5.7.48.1.2",
} as const;

/**
 * Reads an `Extensions` SEQUENCE, which certificates, CRLs, their entries and OCSP messages have in common.
 *
 * @throws DerError, also for an extension that stands there twice
 */
export function readExtensions(element: DerElement): Extensions {
  const extensions = new Map<string, Extension>();
  for (const list = new DerReader(element.contents); !list.done; ) {
    const extension = list.enter(derTags.sequence);
    const id = derOid(extension.next(derTags.oid));
    const critical = extension.optional(derTags.boolean);
    const value = extension.next(derTags.octetString).contents;
    extension.end();
    if (extensions.has(id)) throw new DerError(`the extension ${id} stands there twice`);
    extensions.set(id, { critical: critical !== undefined && derBoolean(critical), value });
  }
  return extensions;
}

/** The identifier of a critical extension that is not among these. */
export function unknownCritical(extensions: Extensions, known: readonly string[]): string | undefined {
  for (const [id, { critical }] of extensions) if (critical && !known.includes(id)) return id;
  return undefined;
}
