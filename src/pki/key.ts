import { generateKeyPairSync, KeyObject } from "node:crypto";

export const keyKinds = ["ecdsa", "rsa", "rsa-3072"] as const;

/** `ecdsa` is P-256; `rsa` has 2048 bits. */
export type KeyKind = (typeof keyKinds)[number];

export function generateKey(kind: KeyKind): KeyObject {
  switch (kind) {
    case "ecdsa":
      return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    case "rsa":
      return generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    case "rsa-3072":
      return generateKeyPairSync("rsa", { modulusLength: 3072 }).privateKey;
  }
}

/** A private key that was given is used as it is. */
export function privateKey(key: KeyKind | KeyObject = "ecdsa"): KeyObject {
  return key instanceof KeyObject ? key : generateKey(key);
}

/** PKCS#8 in PEM; with a passphrase encrypted (PBES2, AES-256). */
export function keyPem(key: KeyObject, passphrase?: string): string {
  const format = { type: "pkcs8", format: "pem" } as const;
  const pem = key.export(
    passphrase === undefined ? format : { ...format, cipher: "aes-256-cbc", passphrase },
  );
  return pem.toString();
}
