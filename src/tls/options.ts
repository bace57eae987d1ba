import { z } from "zod";
import { isHostName } from "../core/address.ts";
import { duration, filePath, type SchemaContext } from "../core/scalars.ts";
import { allowOptions, checkTargets, clientCertificateOptions } from "./access-options.ts";
import { checkVersions, protocolOptions } from "./protocol-options.ts";
import { checkPsk, clientPskOptions, serverPskOptions } from "./psk-options.ts";
import {
  checkTargetRevocation,
  revocationOptions,
  staplingOptions,
  targetOcspOptions,
} from "./revocation/options.ts";

/** A frontend's `tls` block: TLS as the server. */
export function serverTlsOptions(context: SchemaContext) {
  return z
    .strictObject({
      ...identityOptions(context),
      ...protocolOptions(context),
      certificates: z
        .array(
          z
            .strictObject(identityOptions(context))
            .superRefine(requireIdentity, besideOthers)
            .superRefine(checkIdentity, besideOthers),
        )
        .min(1)
        .optional()
        .meta({
          description:
            "more identities under the same rules, each shown for the DNS names in it; the first is shown for all other names, unless cert or pfx is given",
        }),
      client: clientCertificateOptions(context).optional(),
      ocspStapling: staplingOptions(context),
      session: sessionOptions(context).optional(),
      psk: serverPskOptions(context).optional(),
    })
    .superRefine(requireIdentity, besideOthers)
    .superRefine(
      checkPsk(["cert", "key", "pfx", "passphrase", "certificates", "session", "ocspStapling"]),
      besideOthers,
    )
    .superRefine(checkIdentity, besideOthers)
    .superRefine(checkCertificates, besideOthers)
    .superRefine(checkVersions, besideOthers)
    .meta({ description: "TLS towards the clients; without it the frontend is plain" });
}

/** A backend's `tls` block: TLS as the client. */
export function clientTlsOptions(context: SchemaContext) {
  return z
    .strictObject({
      ...identityOptions(context),
      ...protocolOptions(context),
      ca: filePath(context).optional().meta({
        description: "PEM certificates of the authorities to trust; without it, those of the system",
      }),
      serverName: z
        .union([serverName(), z.literal(false)])
        .optional()
        .meta({
          description:
            "the name the certificate must carry, also sent as SNI; default: the host of the target's address. false: no SNI is sent, the certificate is checked against that host",
        }),
      ...revocationOptions(context),
      ocsp: targetOcspOptions().optional(),
      verify: z.enum(["full", "chain", "pin", "none"]).default("full").meta({
        description:
          "full: chain and name; chain: any name; pin: a certificate or key of allow, whoever signed it; none: no check at all, logged at every start",
      }),
      allow: allowOptions(context).optional(),
      psk: clientPskOptions(context).optional(),
    })
    .superRefine(checkPsk(["cert", "key", "pfx", "passphrase", "ca", "allow", "crl", "ocsp"]), besideOthers)
    .superRefine(checkIdentity, besideOthers)
    .superRefine(checkTargets, besideOthers)
    .superRefine(checkVersions, besideOthers)
    .superRefine(checkTargetRevocation, besideOthers)
    .meta({ description: "TLS towards the targets; without it they are plain" });
}

/** The name that a target's certificate must carry, also sent as SNI (RFC 6066). */
export function serverName() {
  // an abort would end the checks of the whole block, so what is told already is let through
  return z
    .string()
    .min(1)
    .max(253)
    .refine((text) => text === "" || text.length > 253 || isHostName(text), {
      error: ({ input }) => `${JSON.stringify(input)} is neither a host name nor an address`,
    })
    .meta({
      description:
        "the name the certificate must carry, also sent as SNI; default: the host of the target's address",
    });
}

export type ServerTlsOptions = z.output<ReturnType<typeof serverTlsOptions>>;
export type ClientTlsOptions = z.output<ReturnType<typeof clientTlsOptions>>;
export type IdentityOptions = Pick<ServerTlsOptions, "cert" | "key" | "pfx" | "passphrase">;
function identityOptions(context: SchemaContext) {
  return {
    cert: filePath(context)
      .optional()
      .meta({ description: "PEM certificate, followed by its intermediates" }),
    key: filePath(context).optional().meta({ description: "PEM private key, plain or encrypted" }),
    pfx: filePath(context).optional().meta({ description: "PKCS#12 file, instead of cert and key" }),
    passphrase: z
      .union([z.string(), z.strictObject({ file: filePath(context) })])
      .optional()
      .meta({ description: "opens the key or the PKCS#12 file; best given as { file: … }" }),
  };
}

function sessionOptions(context: SchemaContext) {
  return z
    .strictObject({
      tickets: z
        .boolean()
        .default(true)
        .meta({ description: "let clients resume a session without a full handshake" }),
      lifetime: duration({ min: 1000 }).optional().meta({
        description:
          "how long a session can be resumed; default 10m, 5m where client certificates are verified",
      }),
      keys: filePath(context).optional().meta({
        description:
          "a secret of 32 or more random bytes that ticket keys are made of: programs with the same one resume each other's sessions",
      }),
      cache: z.int().min(0).max(100_000).optional().meta({
        description:
          "TLS 1.2 sessions kept for clients that resume by session id; default 1000, none with tickets: false",
      }),
    })
    .superRefine((session, check) => {
      if (session.keys !== undefined && session.tickets === false)
        check.addIssue({ code: "custom", path: ["keys"], message: "tickets: false has no use for keys" });
      // RFC 8446 section 4.6.1: no ticket lives longer than seven days
      if (session.lifetime !== undefined && session.lifetime > 7 * 86_400_000)
        check.addIssue({
          code: "custom",
          path: ["lifetime"],
          message: "a session lives 7 days at most (RFC 8446)",
        });
    }, besideOthers)
    .meta({ description: "session resumption" });
}

/** These checks run whatever else is wrong in the block, so that every error is reported in one run. */
const besideOthers = {
  when: ({ value }: { readonly value: unknown }) => typeof value === "object" && value !== null,
};

type Identity = {
  psk?: unknown;
  certificates?: unknown;
  cert?: string | undefined;
  key?: string | undefined;
  pfx?: string | undefined;
};

function requireIdentity(tls: Identity, check: z.RefinementCtx): void {
  if (
    tls.cert === undefined &&
    tls.key === undefined &&
    tls.pfx === undefined &&
    tls.psk === undefined &&
    tls.certificates === undefined
  )
    check.addIssue({ code: "custom", message: 'a TLS frontend needs "cert" and "key", or "pfx"' });
}

/** A staple is about one certificate. */
function checkCertificates(
  tls: { certificates?: unknown; ocspStapling?: unknown },
  check: z.RefinementCtx,
): void {
  if (tls.certificates !== undefined && tls.ocspStapling !== undefined && tls.ocspStapling !== false)
    check.addIssue({
      code: "custom",
      path: ["ocspStapling"],
      message: "ocspStapling is for one certificate; give each of several a route of its own",
    });
}

function checkIdentity(tls: Identity, check: z.RefinementCtx): void {
  if (tls.pfx !== undefined && (tls.cert !== undefined || tls.key !== undefined))
    check.addIssue({ code: "custom", path: ["pfx"], message: 'give either "pfx" or "cert" and "key"' });
  else if ((tls.cert === undefined) !== (tls.key === undefined))
    check.addIssue({
      code: "custom",
      message: `"${tls.cert === undefined ? "key" : "cert"}" needs its "${tls.cert === undefined ? "cert" : "key"}"`,
    });
}
