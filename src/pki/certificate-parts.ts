import type { KeyObject, X509Certificate } from "node:crypto";
import { createHash } from "node:crypto";
import { derChildren, derOctetBits, readDer } from "../core/der.ts";
import { readCertificate, subjectKeyIdentifier } from "../protocol/x509/certificate.ts";

/** The subject as it is encoded: an issued certificate's issuer has to repeat it. */
export function subjectOf(certificate: X509Certificate): Buffer {
  return readCertificate(certificate.raw).subject;
}

/** What the certificates it issues must name as their authority key identifier; undefined when it has none. */
export function subjectKeyIdentifierOf(certificate: X509Certificate): Buffer | undefined {
  return subjectKeyIdentifier(readCertificate(certificate.raw));
}

/** SHA-1 of the public key's bits (RFC 5280, 4.2.1.2, method 1): a name for the key, not a protection. */
export function keyIdentifier(publicKey: KeyObject): Buffer {
  const [, key] = derChildren(readDer(publicKey.export({ type: "spki", format: "der" })));
  if (!key) throw new TypeError("public key has no key bits");
  return createHash("sha1").update(derOctetBits(key)).digest();
}
