import type { KeyObject } from "node:crypto";
import { sign } from "node:crypto";
import type { Der } from "./der.ts";
import { bits, encode, encodedSequence, nothing, oid, sequence } from "./der.ts";

/** The AlgorithmIdentifier of the signatures that a key makes; it stands inside and beside what is signed. */
export function signatureAlgorithm(key: KeyObject): Der {
  switch (key.asymmetricKeyType) {
    case "ec":
      return sequence(oid("1.2.840.10045.4.3.2")); // ecdsa-with-SHA256: parameters absent (RFC 5758, 3.2)
    case "rsa":
      return sequence(oid("1.2.840.113549.1.1.11"), nothing()); // sha256WithRSAEncryption: NULL (RFC 4055, 5)
    default:
      throw new TypeError(
        `a ${key.asymmetricKeyType ?? key.type} key cannot sign certificates here, use ECDSA or RSA`,
      );
  }
}

/** What certificates and CRLs have in common: the signed part, the algorithm, the signature. node-forge signs with RSA only. */
export function signed(toBeSigned: Der, key: KeyObject): Buffer {
  const der = encode(toBeSigned);
  return encode(sequence(encodedSequence(der), signatureAlgorithm(key), bits(sign("sha256", der, key))));
}

export function pem(label: string, der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
