import { z } from "zod";
import { filePath, type SchemaContext } from "../core/scalars.ts";

/** RFC 9325 (BCP 195): forward secrecy and AEAD only. */
export const defaultCiphers = [
  "TLS_AES_128_GCM_SHA256",
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/**
 * What `legacy: true` speaks beside them, the better ones first: CBC with HMAC-SHA1, the only suites of TLS 1.0 and 1.1, and
 * key exchange without forward secrecy. Level 0 takes short keys and SHA-1 signatures.
 */
const legacyCiphers = [
  ...["ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA"],
  ...["DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-AES128-SHA", "DHE-RSA-AES256-SHA"],
  ...["AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA"],
].join(":");

export const defaultGroups = ["X25519MLKEM768", "X25519", "P-256", "P-384"] as const;

/** What TLS is spoken, towards clients as towards targets. */
export function protocolOptions(context: SchemaContext) {
  const version = z.enum(["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]);
  return {
    minVersion: version.default("TLSv1.2").meta({
      description: "the lowest version spoken; TLSv1 and TLSv1.1 need legacy: true",
    }),
    maxVersion: version.default("TLSv1.3").meta({ description: "the highest version spoken" }),
    ciphers: z
      .string()
      .min(1)
      .default(defaultCiphers)
      .meta({ description: "cipher suites, TLS 1.3 and 1.2 in one list" }),
    groups: z
      .array(z.string().min(1))
      .min(1)
      .default([...defaultGroups])
      .meta({ description: "key exchange groups, the preferred one first" }),
    alpn: z
      .array(z.string().min(1).max(255))
      .min(1)
      .optional()
      .meta({ description: "application protocols offered or accepted, the preferred one first (RFC 7301)" }),
    signatureAlgorithms: z
      .array(z.string().regex(/^[\w+-]+$/, "an algorithm's name has letters, digits, _, + and -"))
      .min(1)
      .optional()
      .meta({
        description:
          "signature algorithms taken from the peer, and used, the preferred one first: ecdsa_secp256r1_sha256, RSA-PSS+SHA256 …; default: OpenSSL's",
      }),
    legacy: z.boolean().optional().meta({
      description:
        "true: old suites, short keys, SHA-1 and, as minVersion says, TLS 1.0 and 1.1 for peers that know nothing better; logged at every start",
    }),
    keyLog: filePath(context).optional().meta({
      description:
        "a file that gets the keys of every session (NSS key log format), to read recorded traffic; only with --insecure-debug",
    }),
  };
}

export type ProtocolOptions = z.output<z.ZodObject<ReturnType<typeof protocolOptions>>>;

/** The cipher list for OpenSSL: with `legacy`, old suites behind the default ones, and level 0. */
export function ciphersOf({ ciphers, legacy }: Pick<ProtocolOptions, "ciphers" | "legacy">): string {
  if (legacy !== true) return ciphers;
  const list = ciphers === defaultCiphers ? `${ciphers}:${legacyCiphers}` : ciphers;
  return list.includes("@SECLEVEL") ? list : `${list}:@SECLEVEL=0`;
}

interface Versions {
  readonly minVersion: string;
  readonly maxVersion: string;
  readonly legacy?: boolean | undefined;
}

export function checkVersions(tls: Versions, check: z.RefinementCtx): void {
  const known = [tls.minVersion, tls.maxVersion].every((version) => /^TLSv1(\.[123])?$/.test(version));
  if (known && tls.legacy !== true)
    for (const key of ["minVersion", "maxVersion"] as const)
      if (tls[key] < "TLSv1.2")
        check.addIssue({
          code: "custom",
          path: [key],
          message: `${tls[key]} is broken (RFC 8996); if a peer knows nothing better, say legacy: true beside it`,
        });
  if (known && tls.minVersion > tls.maxVersion)
    check.addIssue({
      code: "custom",
      path: ["minVersion"],
      message: `minVersion ${tls.minVersion} is above maxVersion ${tls.maxVersion}`,
    });
}
