import type { KeyObject } from "node:crypto";
import { createPublicKey, randomBytes, X509Certificate } from "node:crypto";
import { keyIdentifier, subjectKeyIdentifierOf, subjectOf } from "./certificate-parts.ts";
import type { Der } from "./der.ts";
import { encodedSequence, integer, sequence, tagged, time } from "./der.ts";
import type { DistinguishedName } from "./distinguished-name.ts";
import { encodeName } from "./distinguished-name.ts";
import type { KeyUsage, Purpose } from "./extensions.ts";
import * as extensions from "./extensions.ts";
import type { KeyKind } from "./key.ts";
import { privateKey } from "./key.ts";
import { signatureAlgorithm, signed } from "./signed.ts";
import type { SubjectAlternativeName } from "./subject-alternative-name.ts";

/** A certificate with its private key. What issues is one too: a root or an intermediate authority. */
export interface Certified {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
}

interface CommonOptions {
  readonly subject?: DistinguishedName;
  /** A new key of this kind, or the private key to use. Default: `ecdsa`. */
  readonly key?: KeyKind | KeyObject;
  readonly days?: number;
  /** Default: five minutes ago, because clocks differ. */
  readonly notBefore?: Date;
  /** Overrides `days`, and is not cut at the end of the issuer. */
  readonly notAfter?: Date;
  readonly ocspUrl?: string;
  readonly crlUrl?: string;
  /** How many authorities may follow below; only with an authority. */
  readonly pathLength?: number;
}

export interface AuthorityOptions extends CommonOptions {
  /** Makes an intermediate authority; without it the authority signs itself. */
  readonly issuer?: Certified;
}

export interface CertificateRequest extends CommonOptions {
  /** An empty list: the subject is the only name. */
  readonly sans?: readonly SubjectAlternativeName[];
  /** Default: `both`. `any`: no extended key usage at all. */
  readonly usage?: Purpose | "any";
  /** Says in basicConstraints that it is an authority. */
  readonly ca?: boolean;
  /** Overrides what fits the kind of key. */
  readonly keyUsage?: readonly KeyUsage[];
}

const dayMilliseconds = 86_400_000;
const leafDays = 825;
const authorityDays = 3650;

/** Makes a root authority, or an intermediate one when `issuer` is given. */
export function createAuthority(options: AuthorityOptions = {}): Certified {
  const { issuer, days = authorityDays, subject = { commonName: "Development CA" }, ...rest } = options;
  return issue(issuer, {
    ...rest,
    days,
    subject,
    ca: true,
    usage: "any",
    keyUsage: ["keyCertSign", "cRLSign"],
  });
}

/**
 * Issues a certificate and reads it back: what is returned parses, belongs to its key and is signed by the authority.
 *
 * @throws RangeError for a request that makes no sense (a name, the dates)
 */
export function issueCertificate(authority: Certified, request: CertificateRequest): Certified {
  return issue(authority, request);
}

function issue(issuer: Certified | undefined, request: CertificateRequest): Certified {
  const key = privateKey(request.key);
  const publicKey = createPublicKey(key);
  const signingKey = issuer?.key ?? key;
  const subject = encodeName(request.subject ?? {});
  const { notBefore, notAfter } = validity(request, issuer);
  const toBeSigned = sequence(
    tagged(0, integer(2)), // version 3
    integer(serialNumber()),
    signatureAlgorithm(signingKey),
    issuer ? encodedSequence(subjectOf(issuer.certificate)) : subject,
    sequence(time(notBefore), time(notAfter)),
    subject,
    encodedSequence(publicKey.export({ type: "spki", format: "der" })),
    tagged(3, sequence(...extensionsOf(request, publicKey, issuer))),
  );
  const issued = { certificate: new X509Certificate(signed(toBeSigned, signingKey)), key };
  check(issued, issuer ?? issued);
  return issued;
}

function extensionsOf(
  request: CertificateRequest,
  publicKey: KeyObject,
  issuer: Certified | undefined,
): readonly (Der | undefined)[] {
  const { ca = false, pathLength, usage = "both", sans = [], ocspUrl, crlUrl } = request;
  const own = keyIdentifier(publicKey);
  const authority = issuer ? subjectKeyIdentifierOf(issuer.certificate) : own;
  const nameless = Object.values(request.subject ?? {}).every((part) => part === undefined);
  return [
    extensions.basicConstraints({ ca, pathLength }),
    extensions.keyUsage(request.keyUsage ?? leafKeyUsage(publicKey)),
    usage === "any" ? undefined : extensions.extendedKeyUsage(usage),
    extensions.subjectKeyIdentifier(own),
    authority && extensions.authorityKeyIdentifier(authority),
    sans.length > 0 ? extensions.subjectAlternativeNames(sans, { critical: nameless }) : undefined,
    ocspUrl === undefined ? undefined : extensions.ocspResponder(ocspUrl),
    crlUrl === undefined ? undefined : extensions.crlDistributionPoint(crlUrl),
  ];
}

/** TLS 1.3 and ECDHE only sign; RSA key transport wants keyEncipherment, which some checkers still look for. */
function leafKeyUsage(publicKey: KeyObject): readonly KeyUsage[] {
  return publicKey.asymmetricKeyType === "rsa"
    ? ["digitalSignature", "keyEncipherment"]
    : ["digitalSignature"];
}

function validity(
  { notBefore, notAfter, days = leafDays }: CertificateRequest,
  issuer: Certified | undefined,
): { notBefore: Date; notAfter: Date } {
  const start = notBefore ?? new Date(Date.now() - 5 * 60_000);
  const end = notAfter ?? earlier(new Date(start.getTime() + days * dayMilliseconds), issuer);
  if (!(start.getTime() < end.getTime()))
    throw new RangeError(`certificate would end (${timeText(end)}) before it begins (${timeText(start)})`);
  return { notBefore: start, notAfter: end };
}

/** A certificate is of no use after its issuer has ended. */
function earlier(end: Date, issuer: Certified | undefined): Date {
  const last = issuer?.certificate.validToDate;
  return last && last < end ? last : end;
}

function timeText(date: Date): string {
  return Number.isNaN(date.getTime()) ? "no date" : date.toISOString();
}

/** 16 random bytes, positive and of full length: between 01… and 7f… (RFC 5280, 4.1.2.2, allows 20). */
function serialNumber(): Buffer {
  const serial = randomBytes(16);
  serial.writeUInt8((serial.readUInt8(0) & 0x3f) | 0x40, 0);
  return serial;
}

function check({ certificate, key }: Certified, issuer: Certified): void {
  if (!certificate.checkPrivateKey(key)) throw new Error("issued certificate does not belong to its key");
  if (!certificate.checkIssued(issuer.certificate))
    throw new Error(`"${issuer.certificate.subject}" may not issue certificates`);
  if (!certificate.verify(issuer.certificate.publicKey))
    throw new Error("issued certificate is not signed by its issuer");
}
