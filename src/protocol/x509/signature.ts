import { constants, type KeyObject, verify } from "node:crypto";
import {
  contextOf,
  DerError,
  DerReader,
  derOctetBits,
  derOid,
  derSmallInteger,
  derTags,
  readDer,
} from "../../core/der.ts";

/** What CRLs and OCSP answers have in common: a part that is signed, how, and the signature. */
export interface Signed {
  readonly toBeSigned: Buffer;
  /** The AlgorithmIdentifier, encoded. */
  readonly algorithm: Buffer;
  readonly signature: Buffer;
}

interface Scheme {
  readonly keys: readonly string[];
  /** null for those that bring their own. */
  readonly hash: string | null;
  /** Octets of the salt of RSASSA-PSS. */
  readonly salt?: number;
}

/** SHA-1 and MD5 are left out: nothing that counts is signed so any more. */
const schemes: Readonly<Record<string, Scheme>> = {
  "1.2.840.113549.1.1.11": { keys: ["rsa"], hash: "sha256" },
  "1.2.840.113549.1.1.12": { keys: ["rsa"], hash: "sha384" },
  "1.2.840.113549.1.1.13": { keys: ["rsa"], hash: "sha512" },
  "1.2.840.10045.4.3.2": { keys: ["ec"], hash: "sha256" },
  "1.2.840.10045.4.3.3": { keys: ["ec"], hash: "sha384" },
  "1.2.840.10045.4.3.4": { keys: ["ec"], hash: "sha512" },
  "1.3.101.112": { keys: ["ed25519"], hash: null },
  "1.3.101.113": { keys: ["ed448"], hash: null },
};

const hashes: Readonly<Record<string, string>> = {
  "2.16.840.1.101.3.4.2.1": "sha256",
  "2.16.840.1.101.3.4.2.2": "sha384",
  "2.16.840.1.101.3.4.2.3": "sha512",
};

const rsassaPss = "1.2.840.113549.1.1.10";
const mgf1 = "1.2.840.113549.1.1.8";

/**
 * Reads the two elements behind the part that is signed.
 *
 * @throws DerError
 */
export function readSignature(reader: DerReader): Omit<Signed, "toBeSigned"> {
  const algorithm = reader.next(derTags.sequence).whole;
  return { algorithm, signature: derOctetBits(reader.next(derTags.bitString)) };
}

/**
 * Why the signature does not hold, to be read after "it"; undefined when it does.
 *
 * @throws DerError when the algorithm is no AlgorithmIdentifier
 */
export function signatureFault(
  { toBeSigned, algorithm, signature }: Signed,
  key: KeyObject,
): string | undefined {
  const scheme = readScheme(algorithm);
  if (typeof scheme === "string") return `is signed with ${scheme}, which is not supported`;
  const { keys, hash, salt } = scheme;
  if (!keys.includes(key.asymmetricKeyType ?? "")) return "is signed with another kind of key";
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  const how = salt === undefined ? key : { key, padding, saltLength: salt };
  return verifies(hash, { toBeSigned, how, signature }) ? undefined : "has a wrong signature";
}

function verifies(
  hash: string | null,
  {
    toBeSigned,
    how,
    signature,
  }: { toBeSigned: Buffer; how: Parameters<typeof verify>[2]; signature: Buffer },
): boolean {
  try {
    return verify(hash, toBeSigned, how, signature);
  } catch {
    // a salt that does not fit the key, a signature that is none
    return false;
  }
}

/** The scheme, or the identifier of one that is not supported. */
function readScheme(algorithm: Buffer): Scheme | string {
  const reader = new DerReader(readDer(algorithm, derTags.sequence).contents);
  const id = derOid(reader.next(derTags.oid));
  if (id === rsassaPss) return readPss(reader) ?? "RSASSA-PSS with unusual parameters";
  // NULL or absent (RFC 4055, 5; RFC 5758, 3.2; RFC 8410, 3)
  reader.optional(derTags.null);
  reader.end();
  return schemes[id] ?? id;
}

/** RFC 4055, 3.1. The defaults, which are SHA-1, are not supported; undefined for them and for two different hashes. */
function readPss(algorithm: DerReader): Scheme | undefined {
  const parameters = algorithm.enter(derTags.sequence);
  algorithm.end();
  const hash = explicitly(parameters, 0);
  const mask = explicitly(parameters, 1);
  const salt = parameters.optional(contextOf(2));
  if (!hash || !mask || !salt || !parameters.done) return undefined;
  const hashId = algorithmId(hash);
  const generator = mask.enter(derTags.sequence);
  const isMgf1 = derOid(generator.next(derTags.oid)) === mgf1;
  const isSame = isMgf1 && algorithmId(generator) === hashId;
  const name = hashes[hashId];
  if (!isSame || name === undefined) return undefined;
  const octets = derSmallInteger(readDer(salt.contents, derTags.integer));
  if (octets > 512) throw new DerError("the DER has a salt that is too long");
  return { keys: ["rsa", "rsa-pss"], hash: name, salt: octets };
}

function explicitly(parameters: DerReader, number: number): DerReader | undefined {
  const element = parameters.optional(contextOf(number));
  return element && new DerReader(element.contents);
}

function algorithmId(reader: DerReader): string {
  return derOid(reader.enter(derTags.sequence).next(derTags.oid));
}
