import type { KeyObject } from "node:crypto";

/** What kind of key it is, for people. */
export function keyText({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  switch (asymmetricKeyType) {
    case "ec":
      return `ECDSA ${asymmetricKeyDetails?.namedCurve === "prime256v1" ? "P-256" : asymmetricKeyDetails?.namedCurve}`;
    case "rsa":
      return `RSA ${asymmetricKeyDetails?.modulusLength}`;
    default:
      return asymmetricKeyType ?? "unknown";
  }
}
