import { X509Certificate } from "node:crypto";
import { DerError } from "../../core/der.ts";
import {
  type CertificateFields,
  mayUseKey,
  purposesOf,
  readCertificate,
} from "../../protocol/x509/certificate.ts";
import { extensionIds, unknownCritical } from "../../protocol/x509/extensions.ts";
import { digest, type Issued } from "../../protocol/x509/ocsp-request.ts";
import {
  type CertificateId,
  type OcspAnswer,
  OcspError,
  type OcspResponse,
  parseOcspResponse,
} from "../../protocol/x509/ocsp-response.ts";
import { signatureFault } from "../../protocol/x509/signature.ts";
import type { Certificate } from "./certificate.ts";

/** What is known about a certificate, and how long that counts. */
export interface OcspVerdict {
  readonly status: OcspAnswer["status"];
  /** Of a revoked one. */
  readonly revokedAt?: Date | undefined;
  readonly reason?: string | undefined;
  readonly thisUpdate: Date;
  readonly until: Date;
}

export interface OcspQuestion {
  readonly certificate: Certificate;
  readonly issuer: Certificate;
  /** What the answer has to repeat, if anything. */
  readonly nonce?: Buffer | undefined;
  readonly now?: Date;
}

/** How far clocks may differ, in milliseconds. */
const skew = 5 * 60_000;
/** An answer without nextUpdate says that there may be news at any time (RFC 6960, 4.2.2.1): it counts so long. */
const shortest = 60_000;
/** Certificates of an answer that are looked at. */
const mostCertificates = 8;
const ocspSigning = "1.3.6.1.5.5.7.3.9";
const noCheck = "1.3.6.1.5.5.7.48.1.5";
const hashes: Readonly<Record<string, "sha1" | "sha256">> = {
  "1.3.14.3.2.26": "sha1",
  "2.16.840.1.101.3.4.2.1": "sha256",
};

/**
 * Reads and checks an answer: about this certificate, signed by its issuer or by a responder of the issuer's, of now, and
 * to this question if it had a nonce.
 *
 * @throws OcspError, and nothing else, when it proves nothing
 */
export function judgeOcspResponse(der: Buffer, question: OcspQuestion): OcspVerdict {
  const { certificate, issuer, nonce, now = new Date() } = question;
  const response = parseOcspResponse(der);
  checkSignature(response, issuer, now);
  if (nonce && !response.nonce) throw new OcspError("does not repeat the nonce");
  if (nonce && !response.nonce?.equals(nonce)) throw new OcspError("has another nonce");
  const asked = { certificate: certificate.fields, issuer: issuer.fields };
  const answer = response.answers.find(({ id }) => isAbout(id, asked));
  if (!answer) throw new OcspError("is about another certificate");
  checkTimes(answer, response.producedAt, now);
  const { status, revokedAt, reason, thisUpdate, nextUpdate } = answer;
  const until = nextUpdate ?? new Date(thisUpdate.getTime() + shortest);
  return { status, revokedAt, reason, thisUpdate, until };
}

function checkSignature(response: OcspResponse, issuer: Certificate, now: Date): void {
  try {
    const signer = findSigner(response, issuer, now);
    const fault = signatureFault(response, signer.x509.publicKey);
    if (fault !== undefined) throw new OcspError(fault);
  } catch (error) {
    if (error instanceof DerError) throw new OcspError(`cannot be read: ${error.message}`, { cause: error });
    throw error;
  }
}

function findSigner(response: OcspResponse, issuer: Certificate, now: Date): Certificate {
  if (isResponder(response, issuer.fields)) return issuer;
  for (const der of response.certificates.slice(0, mostCertificates)) {
    const candidate = tryCertificate(der);
    if (!candidate || !isResponder(response, candidate.fields)) continue;
    const fault = delegateFault(candidate, issuer, now);
    if (fault !== undefined) throw new OcspError(`is signed by a certificate that ${fault}`);
    return candidate;
  }
  throw new OcspError("is signed by somebody that neither is the issuer nor shows a certificate of it");
}

function isResponder({ responder }: OcspResponse, { subject, keyBits }: CertificateFields): boolean {
  return responder.kind === "name"
    ? responder.name.equals(subject)
    : responder.digest.equals(digest("sha1", keyBits));
}

/** Why the issuer has not entrusted this one with its answers (RFC 6960, 4.2.2.2). */
function delegateFault({ x509, fields }: Certificate, issuer: Certificate, now: Date): string | undefined {
  if (!fields.issuer.equals(issuer.fields.subject) || !x509.verify(issuer.x509.publicKey))
    return "the issuer has not issued";
  if (now < x509.validFromDate) return "is not valid yet";
  if (now > x509.validToDate) return "has expired";
  if (!purposesOf(fields)?.includes(ocspSigning)) return "is not made for it (OCSPSigning)";
  if (!mayUseKey(fields, "digitalSignature")) return "must not sign (key usage)";
  const { keyUsage, extendedKeyUsage, basicConstraints, subjectAlternativeName } = extensionIds;
  const known = [keyUsage, extendedKeyUsage, basicConstraints, subjectAlternativeName, noCheck];
  const unknown = unknownCritical(fields.extensions, known);
  return unknown === undefined ? undefined : `has the critical extension ${unknown}, which is not known`;
}

function tryCertificate(der: Buffer): Certificate | undefined {
  try {
    return { x509: new X509Certificate(der), fields: readCertificate(der) };
  } catch {
    // it is one of several that may help; what OpenSSL and we cannot read does not
    return undefined;
  }
}

function isAbout(id: CertificateId, { certificate, issuer }: Issued): boolean {
  const hash = hashes[id.hash];
  return (
    hash !== undefined &&
    id.serial.equals(certificate.serial) &&
    id.nameHash.equals(digest(hash, issuer.subject)) &&
    id.keyHash.equals(digest(hash, issuer.keyBits))
  );
}

function checkTimes({ thisUpdate, nextUpdate }: OcspAnswer, producedAt: Date, now: Date): void {
  const latest = now.getTime() + skew;
  if (thisUpdate.getTime() > latest || producedAt.getTime() > latest)
    throw new OcspError(`is of the future (${thisUpdate.toISOString()}): are the clocks right?`);
  const end = nextUpdate ?? thisUpdate;
  if (nextUpdate && nextUpdate < thisUpdate) throw new OcspError("ends before it begins");
  if (end.getTime() < now.getTime() - skew)
    throw new OcspError(
      nextUpdate
        ? `has expired on ${nextUpdate.toISOString()}`
        : `is of ${thisUpdate.toISOString()}, which is too old`,
    );
}
