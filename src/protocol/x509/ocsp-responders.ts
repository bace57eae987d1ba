import { context, DerReader, derOid, derTags, readDer } from "../../core/der.ts";
import { type Extensions, extensionIds } from "./extensions.ts";

const ocsp = "1.3.6.1.5.5.7.48.1";

/**
 * The URLs of the responders that a certificate names (AIA, RFC 5280, 4.2.2.1), http and https only.
 *
 * @throws DerError
 */
export function ocspRespondersOf(extensions: Extensions): readonly URL[] {
  const value = extensions.get(extensionIds.authorityInformationAccess)?.value;
  const urls: URL[] = [];
  if (!value) return urls;
  for (const list = new DerReader(readDer(value, derTags.sequence).contents); !list.done; ) {
    const description = list.enter(derTags.sequence);
    const method = derOid(description.next(derTags.oid));
    const { tag, contents } = description.next();
    description.end();
    if (method !== ocsp || tag !== context(6)) continue;
    const url = URL.parse(contents.toString("latin1"));
    if (url && (url.protocol === "http:" || url.protocol === "https:")) urls.push(url);
  }
  return urls;
}
