import {
  context,
  contextOf,
  DerError,
  DerReader,
  derBoolean,
  derInteger,
  derSmallInteger,
  derTags,
  readDer,
} from "../../core/der.ts";
import { derTime } from "../../core/der-time.ts";
import { distributionPointNames } from "./distribution-points.ts";
import { type Extensions, extensionIds, readExtensions, unknownCritical } from "./extensions.ts";
import { revocationReasons } from "./revocation-reasons.ts";
import { readSignature, type Signed } from "./signature.ts";

/** A certificate revocation list (RFC 5280, 5) that can be used; who has signed it is not known yet. */
export interface Crl extends Signed {
  /** The name of the authority, encoded. */
  readonly issuer: Buffer;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** Hexadecimal; grows from list to list. */
  readonly number: string | undefined;
  readonly scope: CrlScope;
  /** How many certificates it lists. */
  readonly size: number;
  /** What it says about the certificate with this serial number, the INTEGER's contents; undefined: not revoked. */
  revocation(serial: Buffer): Revocation | undefined;
  /** Everything that is listed. */
  revocations(): Iterable<Revocation & { readonly serial: Buffer }>;
}

/** Which of the authority's certificates a list is about; all of them where nothing is said. */
export interface CrlScope {
  readonly only?: "users" | "authorities";
  /** GeneralNames, encoded: the list is for certificates that name one of them as a distribution point. */
  readonly points?: readonly Buffer[];
}

export interface Revocation {
  readonly date: Date;
  /** As RFC 5280 calls it (5.3.1); undefined when the list does not tell. */
  readonly reason: string | undefined;
}

/** A list that cannot be used; the message is to be read after what names the list, such as "is a delta CRL". */
export class CrlError extends Error {
  override readonly name = "CrlError";
}

const entriesPerStep = 1000;

/** @throws CrlError, and nothing else */
export function parseCrl(der: Buffer): Crl {
  for (const steps = readCrlInSteps(der); ; ) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/**
 * The same in steps of about a millisecond, for whoever has other things to do meanwhile: a list may have a million
 * entries.
 *
 * @throws CrlError, and nothing else
 */
export function* readCrlInSteps(der: Buffer): Generator<undefined, Crl> {
  try {
    return yield* readCrl(der);
  } catch (error) {
    if (!(error instanceof DerError)) throw error;
    throw new CrlError(`is no CRL that can be read: ${error.message}`, { cause: error });
  }
}

function* readCrl(der: Buffer): Generator<undefined, Crl> {
  const list = new DerReader(readDer(der, derTags.sequence).contents);
  const { whole: toBeSigned, contents } = list.next(derTags.sequence);
  const signature = readSignature(list);
  list.end();
  const fields = new DerReader(contents);
  const version = fields.optional(derTags.integer);
  if (version && derSmallInteger(version) !== 1) throw new CrlError("is of a version that is not known");
  // what is not signed must not say how to check the signature (RFC 5280, 5.1.1.2)
  if (!fields.next(derTags.sequence).whole.equals(signature.algorithm))
    throw new CrlError("names two different signature algorithms");
  const issuer = fields.next(derTags.sequence).whole;
  const thisUpdate = derTime(fields.next());
  const nextUpdate = [derTags.utcTime, derTags.generalizedTime]
    .map((tag) => fields.optional(tag))
    .find(Boolean);
  if (!nextUpdate) throw new CrlError("does not say when it runs out (nextUpdate)");
  const revoked = fields.optional(derTags.sequence)?.contents ?? Buffer.alloc(0);
  const explicit = fields.optional(contextOf(0));
  fields.end();
  const extensions = explicit ? readExtensions(readDer(explicit.contents, derTags.sequence)) : new Map();
  if (!version && explicit) throw new CrlError("is of version 1, but has extensions");
  const scope = scopeOf(extensions);
  const entries = yield* readEntries(revoked);
  const number = extensions.get(extensionIds.crlNumber)?.value;
  return {
    toBeSigned,
    ...signature,
    issuer,
    thisUpdate,
    nextUpdate: derTime(nextUpdate),
    number: number && derInteger(readDer(number, derTags.integer)).toString("hex"),
    scope,
    size: entries.size,
    revocation: (serial) => {
      const at = entries.get(serial.toString("latin1"));
      return at === undefined ? undefined : readEntry(new DerReader(revoked.subarray(at))).revocation;
    },
    *revocations() {
      for (const reader = new DerReader(revoked); !reader.done; ) {
        const { serial, revocation } = readEntry(reader);
        yield { ...revocation, serial };
      }
    },
  };
}

/** Where the entry of each serial number begins. Every entry is read, since each may say that the list must not be used. */
function* readEntries(revoked: Buffer): Generator<undefined, ReadonlyMap<string, number>> {
  const entries = new Map<string, number>();
  let at = 0;
  for (const reader = new DerReader(revoked); !reader.done; ) {
    const { serial, length } = readEntry(reader);
    entries.set(serial.toString("latin1"), at);
    at += length;
    if (entries.size % entriesPerStep === 0) yield;
  }
  return entries;
}

function readEntry(reader: DerReader): { serial: Buffer; length: number; revocation: Revocation } {
  const { whole, contents } = reader.next(derTags.sequence);
  const entry = new DerReader(contents);
  const serial = derInteger(entry.next(derTags.integer));
  const date = derTime(entry.next());
  const listed = entry.optional(derTags.sequence);
  entry.end();
  const reason = listed && reasonOf(readExtensions(listed));
  return { serial, length: whole.length, revocation: { date, reason } };
}

function reasonOf(extensions: Extensions): string | undefined {
  if (extensions.has(extensionIds.certificateIssuer))
    throw new CrlError(
      "is an indirect CRL (it lists certificates of several authorities), which is not supported",
    );
  const unknown = unknownCritical(extensions, [extensionIds.crlReason, extensionIds.invalidityDate]);
  if (unknown !== undefined)
    throw new CrlError(`has an entry with the critical extension ${unknown}, which is not known`);
  const code = extensions.get(extensionIds.crlReason)?.value;
  return code && revocationReasons[derSmallInteger(readDer(code, derTags.enumerated))];
}

function scopeOf(extensions: Extensions): CrlScope {
  if (extensions.has(extensionIds.deltaCrlIndicator))
    throw new CrlError("is a delta CRL, which says only what has changed: give a complete one");
  const known = [
    extensionIds.authorityKeyIdentifier,
    extensionIds.crlNumber,
    extensionIds.issuingDistributionPoint,
  ];
  const unknown = unknownCritical(extensions, known);
  if (unknown !== undefined) throw new CrlError(`has the critical extension ${unknown}, which is not known`);
  const point = extensions.get(extensionIds.issuingDistributionPoint)?.value;
  return point ? readScope(point) : {};
}

/** IssuingDistributionPoint (RFC 5280, 5.2.5). */
function readScope(der: Buffer): CrlScope {
  const reader = new DerReader(readDer(der, derTags.sequence).contents);
  const named = reader.optional(contextOf(0));
  const flag = (number: number) => {
    const element = reader.optional(context(number));
    return element !== undefined && derBoolean(element);
  };
  const users = flag(1);
  const authorities = flag(2);
  if (reader.optional(context(3)))
    throw new CrlError("is for some reasons of revocation only, which is not supported");
  if (flag(4)) throw new CrlError("is an indirect CRL, which is not supported");
  if (flag(5)) throw new CrlError("is for attribute certificates only");
  reader.end();
  if (users && authorities) throw new CrlError("is for users only and for authorities only");
  const only = users ? "users" : authorities ? "authorities" : undefined;
  return { ...(only ? { only } : {}), ...(named ? { points: distributionPointNames(named.contents) } : {}) };
}
