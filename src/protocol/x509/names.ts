import { type DerElement, DerError, DerReader, derOid, derTags, readDer } from "../../core/der.ts";
import { ipText } from "../../core/ip-bytes.ts";
import type { CertificateNames } from "../../core/session.ts";
import { type CertificateFields, readCertificate } from "./certificate.ts";
import { extensionIds } from "./extensions.ts";

const attributes = { commonName: "2.5.4.3", organizationalUnit: "2.5.4.11" } as const;

/** The context tags of GeneralName (RFC 5280, 4.2.1.6); others are no names that rules are about. */
const generalNames = { email: 0x81, dns: 0x82, uri: 0x86, ip: 0x87 } as const;

/**
 * The names in a certificate, by its DER.
 *
 * @throws DerError as `namesOf` does
 */
export function readNames(der: Buffer): CertificateNames {
  return namesOf(readCertificate(der));
}

/**
 * The names in a certificate. They are taken from its DER and never from a text that joins them: in one, the name
 * `good, DNS:evil` reads like two (CVE-2021-44532).
 *
 * @throws DerError also for a name with a NUL, or one that is not in the characters of its type
 */
export function namesOf({ subject, extensions }: CertificateFields): CertificateNames {
  const alternatives = extensions.get(extensionIds.subjectAlternativeName)?.value;
  return { ...subjectNames(subject), ...alternativeNames(alternatives) };
}

function subjectNames(subject: Buffer): Pick<CertificateNames, "commonNames" | "organizationalUnits"> {
  const found: Record<keyof typeof attributes, string[]> = { commonName: [], organizationalUnit: [] };
  for (const sets = new DerReader(readDer(subject, derTags.sequence).contents); !sets.done; )
    for (const set = sets.enter(derTags.set); !set.done; ) {
      const attribute = set.enter(derTags.sequence);
      const id = derOid(attribute.next(derTags.oid));
      const value = attribute.next();
      attribute.end();
      if (id === attributes.commonName) found.commonName.push(directoryString(value));
      if (id === attributes.organizationalUnit) found.organizationalUnit.push(directoryString(value));
    }
  return { commonNames: found.commonName, organizationalUnits: found.organizationalUnit };
}

function alternativeNames(
  value: Buffer | undefined,
): Pick<CertificateNames, "dns" | "ips" | "uris" | "emails"> {
  const names = { dns: [] as string[], ips: [] as string[], uris: [] as string[], emails: [] as string[] };
  if (!value) return names;
  for (const list = new DerReader(readDer(value, derTags.sequence).contents); !list.done; ) {
    const { tag, contents } = list.next();
    switch (tag) {
      case generalNames.email:
        names.emails.push(ia5(contents));
        break;
      case generalNames.dns:
        names.dns.push(ia5(contents));
        break;
      case generalNames.uri:
        names.uris.push(ia5(contents));
        break;
      case generalNames.ip:
        if (contents.length !== 4 && contents.length !== 16)
          throw new DerError("the certificate has an IP address that is none");
        names.ips.push(ipText(contents));
    }
  }
  return names;
}

function directoryString({ tag, contents }: DerElement): string {
  const text = decode(tag, contents);
  if (text.includes("\0")) throw new DerError("the certificate has a name with a NUL");
  return text;
}

function decode(tag: number, contents: Buffer): string {
  switch (tag) {
    case derTags.utf8String:
      return decodeWith("utf-8", contents);
    case derTags.printableString:
    case derTags.ia5String:
      return ascii(contents);
    case derTags.teletexString:
      return contents.toString("latin1");
    case derTags.bmpString:
      return decodeWith("utf-16be", contents);
    default:
      throw new DerError(`the certificate has a name of the unusual type 0x${tag.toString(16)}`);
  }
}

function decodeWith(encoding: "utf-8" | "utf-16be", contents: Buffer): string {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(contents);
  } catch {
    throw new DerError("the certificate has a name that is not in the encoding of its type");
  }
}

function ia5(contents: Buffer): string {
  const text = ascii(contents);
  if (text.includes("\0")) throw new DerError("the certificate has a name with a NUL");
  return text;
}

function ascii(contents: Buffer): string {
  if (contents.some((octet) => octet > 0x7f))
    throw new DerError("the certificate has a name with characters beyond ASCII");
  return contents.toString("latin1");
}
