import { createHash } from "node:crypto";
import { contextOf, derTags } from "../../core/der.ts";
import type { CertificateFields } from "./certificate.ts";

/** A certificate and who has issued it: what OCSP asks about. */
export interface Issued {
  readonly certificate: CertificateFields;
  readonly issuer: CertificateFields;
}

/** AlgorithmIdentifier of SHA-1 with NULL. As a name for the issuer SHA-1 is what every responder understands (RFC 5019). */
const sha1 = Buffer.from("300906052b0e03021a0500", "hex");
/** `id-pkix-ocsp-nonce`, as an element. */
const nonceId = Buffer.from("06092b0601050507300102", "hex");

/**
 * An OCSP request (RFC 6960, 4.1) about one certificate.
 *
 * @param nonce 1 to 32 octets (RFC 8954) that the answer has to repeat
 */
export function encodeOcspRequest({ certificate, issuer }: Issued, nonce?: Buffer): Buffer {
  const certId = element(
    derTags.sequence,
    sha1,
    element(derTags.octetString, digest("sha1", issuer.subject)),
    element(derTags.octetString, digest("sha1", issuer.keyBits)),
    element(derTags.integer, certificate.serial),
  );
  const requests = element(derTags.sequence, element(derTags.sequence, certId));
  const extensions = nonce ? [element(contextOf(2), element(derTags.sequence, nonceExtension(nonce)))] : [];
  return element(derTags.sequence, element(derTags.sequence, requests, ...extensions));
}

export function digest(algorithm: "sha1" | "sha256", bytes: Buffer): Buffer {
  return createHash(algorithm).update(bytes).digest();
}

function nonceExtension(nonce: Buffer): Buffer {
  const value = element(derTags.octetString, nonce);
  return element(derTags.sequence, nonceId, element(derTags.octetString, value));
}

function element(tag: number, ...contents: readonly Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.from([tag]), lengthOf(body), body]);
}

function lengthOf({ length }: Buffer): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  return length < 0x100 ? Buffer.from([0x81, length]) : Buffer.from([0x82, length >> 8, length & 0xff]);
}
