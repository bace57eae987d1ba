import type { Der } from "./der.ts";
import { oid, sequence, set, utf8 } from "./der.ts";

/** A subject; empty when all names are alternative names. */
export interface DistinguishedName {
  readonly organization?: string | undefined;
  readonly organizationalUnit?: string | undefined;
  readonly commonName?: string | undefined;
}

/** With the upper bounds of RFC 5280, appendix A.1. The order is the one that is written: widest first. */
const attributes = [
  { field: "organization", oid: "2.5.4.10", longest: 64 },
  { field: "organizationalUnit", oid: "2.5.4.11", longest: 64 },
  { field: "commonName", oid: "2.5.4.3", longest: 64 },
] as const;

/** The longest common name; a longer host name can only be an alternative name. */
export const longestCommonName = 64;

/** @throws RangeError when a part is empty or too long */
export function encodeName(name: DistinguishedName): Der {
  const parts = attributes.flatMap(({ field, oid: identifier, longest }) => {
    const text = name[field];
    if (text === undefined) return [];
    if (text.length === 0 || text.length > longest)
      throw new RangeError(`${field} "${text}" has ${text.length} characters, 1 to ${longest} are allowed`);
    return [set(sequence(oid(identifier), utf8(text)))];
  });
  return sequence(...parts);
}
