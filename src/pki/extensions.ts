import type { Der } from "./der.ts";
import {
  encode,
  enumerated,
  integer,
  namedBits,
  octets,
  oid,
  sequence,
  tagged,
  taggedBytes,
  truth,
} from "./der.ts";
import type { SubjectAlternativeName } from "./subject-alternative-name.ts";
import { encodeSubjectAlternativeName } from "./subject-alternative-name.ts";

/** Bit positions of KeyUsage (RFC 5280, 4.2.1.3). */
const keyUsageBits = {
  digitalSignature: 0,
  keyEncipherment: 2,
  keyAgreement: 4,
  keyCertSign: 5,
  cRLSign: 6,
} as const;

export type KeyUsage = keyof typeof keyUsageBits;

/** For which end of a TLS connection a certificate is good. */
export type Usage = "server" | "client" | "both";

/** What else a certificate can be for: to sign OCSP answers for the authority (RFC 6960, 4.2.2.2). */
export type Purpose = Usage | "ocsp";

const serverAuth = "1.3.6.1.5.5.7.3.1";
const clientAuth = "1.3.6.1.5.5.7.3.2";
const usagePurposes = {
  server: [serverAuth],
  client: [clientAuth],
  both: [serverAuth, clientAuth],
  ocsp: ["1.3.6.1.5.5.7.3.9"],
} as const;

/** `pathLength`: how many intermediate authorities may follow. */
export function basicConstraints({ ca, pathLength }: { ca: boolean; pathLength?: number | undefined }): Der {
  const limit = pathLength === undefined ? undefined : integer(pathLength);
  return extension("2.5.29.19", sequence(ca ? truth() : undefined, limit), { critical: true });
}

export function keyUsage(usages: readonly KeyUsage[]): Der {
  return extension("2.5.29.15", namedBits(usages.map((usage) => keyUsageBits[usage])), { critical: true });
}

export function extendedKeyUsage(usage: Purpose): Der {
  return extension("2.5.29.37", sequence(...usagePurposes[usage].map((purpose) => oid(purpose))));
}

export function subjectKeyIdentifier(identifier: Buffer): Der {
  return extension("2.5.29.14", octets(identifier));
}

export function authorityKeyIdentifier(identifier: Buffer): Der {
  return extension("2.5.29.35", sequence(taggedBytes(0, identifier)));
}

/** Critical when the subject is empty: then it is the only name (RFC 5280, 4.2.1.6). */
export function subjectAlternativeNames(
  names: readonly SubjectAlternativeName[],
  options: { critical: boolean },
): Der {
  return extension("2.5.29.17", sequence(...names.map(encodeSubjectAlternativeName)), options);
}

/** Where to ask whether the certificate is still good (AIA, RFC 5280, 4.2.2.1). */
export function ocspResponder(url: string): Der {
  return extension("1.3.6.1.5.5.7.1.1", sequence(sequence(oid("1.3.6.1.5.5.7.48.1"), uriName(url))));
}

export function crlDistributionPoint(url: string): Der {
  return extension("2.5.29.31", sequence(sequence(tagged(0, tagged(0, uriName(url))))));
}

export function crlNumber(number: number): Der {
  return extension("2.5.29.20", integer(number));
}

export function crlReason(code: number): Der {
  return extension("2.5.29.21", enumerated(code));
}

function uriName(url: string): Der {
  return encodeSubjectAlternativeName({ type: "uri", value: url });
}

function extension(identifier: string, value: Der, { critical = false } = {}): Der {
  return sequence(oid(identifier), critical ? truth() : undefined, octets(encode(value)));
}
