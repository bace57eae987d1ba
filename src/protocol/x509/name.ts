import { type DerElement, derChildren, derOid, derTags, readDer } from "../../core/der.ts";

const shortNames: Readonly<Record<string, string>> = {
  "2.5.4.3": "CN",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
};

/** A log wants a name, not a novel. */
const longest = 256;

/**
 * A distinguished name for people, such as `O=Example, CN=Example CA`; never to be compared.
 *
 * @throws DerError
 */
export function nameText(der: Buffer): string {
  const attributes = derChildren(readDer(der, derTags.sequence)).flatMap(derChildren);
  const text = attributes.map((attribute) => {
    const [type, value] = derChildren(attribute);
    const id = type ? derOid(type) : "";
    return `${shortNames[id] ?? id}=${value ? printable(value) : ""}`;
  });
  return text.join(", ").slice(0, longest);
}

function printable(value: DerElement): string {
  return textOf(value).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\u{fffd}");
}

function textOf({ tag, contents }: DerElement): string {
  switch (tag) {
    case derTags.utf8String:
      return contents.toString("utf8");
    case derTags.bmpString:
      return Buffer.from(contents.subarray(0, contents.length & ~1))
        .swap16()
        .toString("utf16le");
    case derTags.printableString:
    case derTags.ia5String:
    case derTags.teletexString:
      return contents.toString("latin1");
    default:
      return `#${contents.subarray(0, 32).toString("hex")}`;
  }
}
