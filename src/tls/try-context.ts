import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import { type Identity, MaterialError } from "./identity.ts";
import { keyText } from "./key-text.ts";
import { pemCertificates } from "./pem.ts";
import { defaultCiphers } from "./protocol-options.ts";

/**
 * OpenSSL says only here that a cipher list, a group or a signature algorithm is unknown.
 *
 * @param identity whose certificate is in the options
 * @throws MaterialError
 */
export function tryContext(options: SecureContextOptions, identity?: Identity): SecureContext {
  const signature = unknownSignature(options.sigalgs ?? "");
  if (signature !== undefined)
    throw new MaterialError("signatureAlgorithms", `OpenSSL knows no such signature algorithm: ${signature}`);
  const unknown = unknownCipher(options.ciphers ?? "");
  if (unknown !== undefined) throw new MaterialError("ciphers", `OpenSSL knows no such cipher: ${unknown}`);
  return makeContext(options, identity);
}

/** The same for options whose lists are known to be good. */
export function makeContext(options: SecureContextOptions, identity?: Identity): SecureContext {
  try {
    return createSecureContext(options);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const weakness = identity && weaknessIn(identity, message);
    if (weakness !== undefined) throw new MaterialError(identity?.option ?? "cert", weakness, { cause });
    if (/cipher/i.test(message))
      throw new MaterialError("ciphers", `OpenSSL knows no such cipher list: ${message}`, { cause });
    if (/ecdh|group|curve/i.test(message))
      throw new MaterialError("groups", `OpenSSL knows no such group: ${message}`, { cause });
    const what = identity ? ` ${identity.source}` : " it";
    throw new MaterialError(identity?.option ?? "cert", `OpenSSL refuses${what}: ${message}`, { cause });
  }
}

/** What OpenSSL's security level has against a certificate, which it says without telling which one. */
function weaknessIn({ source, cert, leaf }: Identity, message: string): string | undefined {
  if (/ee key too small/.test(message))
    return `${source} has a key that is too short, ${keyText(leaf.publicKey)}: have it issued for RSA 2048 or ECDSA P-256`;
  if (!/ca key too small/.test(message)) return undefined;
  const sizes = pemCertificates(cert).map(({ publicKey }) => publicKey.asymmetricKeyDetails?.modulusLength);
  const shortest = Math.min(...sizes.filter((size) => size !== undefined));
  return `${source} holds an authority whose key is too short, RSA ${shortest}: have the certificate issued by another one`;
}

/** A list with a misspelt suite works as long as another one is known, and nobody notices. */
function unknownCipher(list: string): string | undefined {
  if (list === defaultCiphers) return undefined;
  // what begins with an operator removes or moves suites, which need not be there
  const names = list.split(/[:, ]+/).filter((name) => /^\w/.test(name));
  return names.find((name) => {
    try {
      createSecureContext({ ciphers: name, ca: [] });
      return false;
    } catch {
      return true;
    }
  });
}

/** OpenSSL says that something is wrong with the list, but neither what nor where. */
function unknownSignature(list: string): string | undefined {
  return list.split(":").find((name) => {
    if (name === "") return false;
    try {
      createSecureContext({ sigalgs: name, ca: [] });
      return false;
    } catch {
      return true;
    }
  });
}
