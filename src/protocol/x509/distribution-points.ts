import { contextOf, DerReader, derChildren, derTags, readDer } from "../../core/der.ts";
import { type Extensions, extensionIds } from "./extensions.ts";

/**
 * The GeneralNames, encoded, of a DistributionPointName (RFC 5280, 4.2.1.13): none for a name relative to the issuer,
 * which nobody uses.
 *
 * @throws DerError
 */
export function distributionPointNames(der: Buffer): readonly Buffer[] {
  const reader = new DerReader(der);
  const full = reader.optional(contextOf(0));
  if (!full) return [];
  reader.end();
  return derChildren(full).map(({ whole }) => whole);
}

/**
 * The GeneralNames, encoded, of all distribution points that a certificate names for its own authority's lists.
 *
 * @throws DerError
 */
export function crlPointsOf(extensions: Extensions): readonly Buffer[] {
  const value = extensions.get(extensionIds.crlDistributionPoints)?.value;
  if (!value) return [];
  return derChildren(readDer(value, derTags.sequence)).flatMap(({ contents }) => {
    const name = new DerReader(contents).optional(contextOf(0));
    return name ? distributionPointNames(name.contents) : [];
  });
}
