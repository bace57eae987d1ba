import { z } from "zod";
import { filePath, type SchemaContext } from "../core/scalars.ts";
import { longestPskIdentity } from "./psk.ts";

/**
 * Suites in which a pre-shared key stands for a certificate. OpenSSL uses such keys with SHA-256 only: with an AES-256 suite of
 * TLS 1.3 it passes them over in silence. The one of TLS 1.2 is the only one with forward secrecy and AEAD.
 */
export const pskCiphers = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-PSK-CHACHA20-POLY1305",
].join(":");

/** Clients that have a pre-shared key, instead of certificates on both sides. */
export function serverPskOptions(context: SchemaContext) {
  return z
    .strictObject({
      file: secretsFile(context),
      allow: z.array(identity()).min(1).optional().meta({
        description: "identities to let in; default: all of the file",
      }),
    })
    .meta({ description: "pre-shared keys instead of certificates" });
}

/** The pre-shared key that is shown to targets. */
export function clientPskOptions(context: SchemaContext) {
  return z
    .strictObject({
      file: secretsFile(context),
      identity: identity()
        .optional()
        .meta({ description: "whose key of the file; default: the first one's" }),
    })
    .meta({ description: "a pre-shared key instead of certificates" });
}

interface PskBlock {
  readonly psk?: unknown;
  readonly ciphers?: string | undefined;
}

/** What cannot stand beside a pre-shared key: whoever has none would come in by it, or it would be of no use. */
export function checkPsk(besides: readonly string[]) {
  return (tls: PskBlock & Readonly<Record<string, unknown>>, check: z.RefinementCtx): void => {
    if (tls.psk === undefined) return;
    const fault = (key: string, message: string) => check.addIssue({ code: "custom", path: [key], message });
    for (const key of besides)
      if (tls[key] !== undefined) fault(key, `with "psk" nobody looks at ${key}; leave one of them out`);
    const { client } = tls;
    if (typeof client === "object" && client !== null && "verify" in client && client.verify !== "none")
      fault("client", 'with "psk" no client is asked for a certificate; give verify: none, or leave it out');
    if (/AES_256_GCM_SHA384/.test(String(tls.ciphers)) && !isDefaultList(tls.ciphers))
      fault("ciphers", "TLS_AES_256_GCM_SHA384 uses no pre-shared key; leave it out with psk");
  };
}

/** The default has no suite for TLS 1.2 that is for keys: it is replaced by one that has. */
export function pskCiphersOf(ciphers: string | undefined): string {
  return ciphers === undefined || isDefaultList(ciphers) ? pskCiphers : ciphers;
}

function isDefaultList(ciphers: string | undefined): boolean {
  return ciphers?.includes("ECDHE-ECDSA-AES128-GCM-SHA256") === true;
}

function secretsFile(context: SchemaContext) {
  return filePath(context).meta({
    description:
      "a line IDENTITY:KEY for each; the key has 16 bytes or more, or is hexadecimal of 32 digits or more",
  });
}

function identity() {
  return z
    .string()
    .min(1)
    .refine((text) => Buffer.byteLength(text) <= longestPskIdentity && !/[:\r\n\0]/.test(text), {
      error: `an identity has ${longestPskIdentity} bytes at most, and no colon or line break`,
    });
}
