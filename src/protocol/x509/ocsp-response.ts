import {
  context,
  contextOf,
  DerError,
  DerReader,
  derChildren,
  derInteger,
  derOid,
  derSmallInteger,
  derTags,
  readDer,
} from "../../core/der.ts";
import { derTime } from "../../core/der-time.ts";
import { type Extensions, extensionIds, readExtensions, unknownCritical } from "./extensions.ts";
import { revocationReasons } from "./revocation-reasons.ts";
import { readSignature, type Signed } from "./signature.ts";

/** A basic OCSP response (RFC 6960, 4.2.1); who has signed it is not known yet. */
export interface OcspResponse extends Signed {
  readonly responder: ResponderId;
  readonly producedAt: Date;
  readonly answers: readonly OcspAnswer[];
  readonly nonce: Buffer | undefined;
  /** Certificates, encoded, that may help to find the signer. */
  readonly certificates: readonly Buffer[];
}

/** A name, encoded, or the SHA-1 digest of a key. */
export type ResponderId =
  | { readonly kind: "name"; readonly name: Buffer }
  | { readonly kind: "key"; readonly digest: Buffer };

/** What is said about one certificate. */
export interface OcspAnswer {
  readonly id: CertificateId;
  readonly status: "good" | "revoked" | "unknown";
  readonly revokedAt?: Date;
  readonly reason?: string | undefined;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date | undefined;
}

export interface CertificateId {
  /** Dotted. */
  readonly hash: string;
  readonly nameHash: Buffer;
  readonly keyHash: Buffer;
  /** The INTEGER's contents. */
  readonly serial: Buffer;
}

/** An answer that says nothing that counts; the message is to be read after "the OCSP answer". */
export class OcspError extends Error {
  override readonly name = "OcspError";
}

const basic = "1.3.6.1.5.5.7.48.1.1";
const statuses = [
  "successful",
  "malformedRequest",
  "internalError",
  "tryLater",
  "",
  "sigRequired",
  "unauthorized",
];

/** @throws OcspError, and nothing else */
export function parseOcspResponse(der: Buffer): OcspResponse {
  try {
    return readResponse(der);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new OcspError(`cannot be read: ${error.message}`, { cause: error });
  }
}

function readResponse(der: Buffer): OcspResponse {
  const outer = new DerReader(readDer(der, derTags.sequence).contents);
  const status = derSmallInteger(outer.next(derTags.enumerated));
  if (status !== 0) throw new OcspError(`is an error: ${statuses[status] || `status ${status}`}`);
  const bytes = new DerReader(readDer(outer.next(contextOf(0)).contents, derTags.sequence).contents);
  outer.end();
  if (derOid(bytes.next(derTags.oid)) !== basic) throw new OcspError("is of a type that is not known");
  const { contents } = bytes.next(derTags.octetString);
  bytes.end();
  return readBasic(new DerReader(readDer(contents, derTags.sequence).contents));
}

function readBasic(reader: DerReader): OcspResponse {
  const { whole: toBeSigned, contents } = reader.next(derTags.sequence);
  const signature = readSignature(reader);
  const certificates = reader.optional(contextOf(0));
  reader.end();
  const data = new DerReader(contents);
  const version = data.optional(contextOf(0));
  if (version && derSmallInteger(readDer(version.contents, derTags.integer)) !== 0)
    throw new OcspError("is of a version that is not known");
  const responder = readResponder(data);
  const producedAt = generalizedTime(data);
  const answers = derChildren(data.next(derTags.sequence)).map(({ tag, contents }) => {
    if (tag !== derTags.sequence) throw new DerError("the DER has an answer that is none");
    return readAnswer(new DerReader(contents));
  });
  const extensions = readTagged(data, 1);
  data.end();
  refuseUnknown(extensions, [extensionIds.ocspNonce]);
  const nonce = extensions.get(extensionIds.ocspNonce)?.value;
  return {
    toBeSigned,
    ...signature,
    responder,
    producedAt,
    answers,
    nonce: nonce && readDer(nonce, derTags.octetString).contents,
    certificates: certificates
      ? derChildren(readDer(certificates.contents, derTags.sequence)).map(({ whole }) => whole)
      : [],
  };
}

function readResponder(data: DerReader): ResponderId {
  const name = data.optional(contextOf(1));
  if (name) return { kind: "name", name: readDer(name.contents, derTags.sequence).whole };
  return { kind: "key", digest: readDer(data.next(contextOf(2)).contents, derTags.octetString).contents };
}

function readAnswer(reader: DerReader): OcspAnswer {
  const id = readCertificateId(reader.enter(derTags.sequence));
  const status = readStatus(reader);
  const thisUpdate = generalizedTime(reader);
  const next = reader.optional(contextOf(0));
  const nextUpdate = next && generalizedTime(new DerReader(next.contents));
  refuseUnknown(readTagged(reader, 1), []);
  reader.end();
  return { id, ...status, thisUpdate, nextUpdate };
}

function readCertificateId(reader: DerReader): CertificateId {
  const hash = derOid(reader.enter(derTags.sequence).next(derTags.oid));
  const nameHash = reader.next(derTags.octetString).contents;
  const keyHash = reader.next(derTags.octetString).contents;
  const serial = derInteger(reader.next(derTags.integer));
  reader.end();
  return { hash, nameHash, keyHash, serial };
}

function readStatus(reader: DerReader): Pick<OcspAnswer, "status" | "revokedAt" | "reason"> {
  for (const [tag, status] of [[context(0), "good"] as const, [context(2), "unknown"] as const]) {
    const element = reader.optional(tag);
    if (!element) continue;
    if (element.contents.length > 0) throw new DerError("the DER has a NULL that holds something");
    return { status };
  }
  const info = new DerReader(reader.next(contextOf(1)).contents);
  const revokedAt = generalizedTime(info);
  const code = info.optional(contextOf(0));
  info.end();
  const reason = code && revocationReasons[derSmallInteger(readDer(code.contents, derTags.enumerated))];
  return { status: "revoked", revokedAt, reason };
}

/** `[number] EXPLICIT Extensions`, which may be absent. */
function readTagged(reader: DerReader, number: number): Extensions {
  const element = reader.optional(contextOf(number));
  return element ? readExtensions(readDer(element.contents, derTags.sequence)) : new Map();
}

function refuseUnknown(extensions: Extensions, known: readonly string[]): void {
  const unknown = unknownCritical(extensions, known);
  if (unknown !== undefined) throw new OcspError(`has the critical extension ${unknown}, which is not known`);
}

function generalizedTime(reader: DerReader): Date {
  return derTime(reader.next(derTags.generalizedTime));
}
