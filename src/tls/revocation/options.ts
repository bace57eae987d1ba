import { z } from "zod";
import { duration, filePath, type SchemaContext } from "../../core/scalars.ts";

const longestTimeout = 60_000;

/** What says how peers' certificates are checked for revocation. */
export function revocationOptions(context: SchemaContext) {
  const path = filePath(context);
  return {
    crl: z
      .union([path.transform((only) => [only]), z.array(path).min(1)])
      .optional()
      .meta({
        description:
          "certificate revocation lists, PEM or DER: a file, a folder of them, or a list of both; a peer whose issuer has no current one is refused",
      }),
    crlCheck: z.enum(["leaf", "chain"]).optional().meta({
      description:
        "leaf (default): the peer's own certificate is looked up; chain: those of its intermediate authorities too, so that each issuer needs a list",
    }),
  };
}

/** OCSP about clients. */
export function clientOcspOptions() {
  return z.strictObject(ocspQuestions()).meta({
    description: "ask an OCSP responder about each client certificate, also when a session is resumed",
  });
}

/** OCSP about targets, which may bring the answer themselves. */
export function targetOcspOptions() {
  return z
    .strictObject({
      ...ocspQuestions(),
      staple: z.enum(["prefer", "only", "ignore"]).default("prefer").meta({
        description:
          "prefer: what the target staples, else the responder; only: the responder is never asked; ignore: it always is",
      }),
    })
    .meta({
      description:
        "learn by OCSP whether a target's certificate is revoked; its sessions are not resumed then",
    });
}

/** The answer about our own certificate. */
export function staplingOptions(context: SchemaContext) {
  const block = z.strictObject({
    responder: responder().optional(),
    issuer: filePath(context).optional().meta({
      description:
        "PEM certificate of the issuer; needed unless it stands behind the certificate in its file",
    }),
    timeout: timeout(),
  });
  return z.union([z.boolean(), block]).optional().meta({
    description:
      "staple an OCSP answer to our certificate, fetched ahead from the responder that it names; default false",
  });
}

interface RevocationKeys {
  readonly verify?: unknown;
  readonly ca?: unknown;
  readonly crl?: unknown;
  readonly crlCheck?: unknown;
  readonly ocsp?: unknown;
}

/** Tells keys of a `client` block that would be of no use. */
export function checkClientRevocation(client: RevocationKeys, check: z.RefinementCtx): void {
  if (client.verify === "none")
    refuse(client, check, "verify: none asks no client for a certificate that could be revoked");
  else if (client.ca === undefined)
    refuse(client, check, 'it takes the "ca" that signs the clients to know who may revoke');
  checkKeys(client, check);
}

/** Tells keys of a backend's `tls` block that would be of no use. */
export function checkTargetRevocation(tls: RevocationKeys, check: z.RefinementCtx): void {
  if (tls.verify === "none" || tls.verify === "pin")
    refuse(tls, check, `verify: ${tls.verify} looks at no authority that could revoke`);
  checkKeys(tls, check);
}

function refuse(keys: RevocationKeys, check: z.RefinementCtx, message: string): void {
  for (const key of ["crl", "ocsp"] as const)
    if (keys[key] !== undefined) check.addIssue({ code: "custom", path: [key], message });
}

function checkKeys({ crl, crlCheck }: RevocationKeys, check: z.RefinementCtx): void {
  if (crlCheck !== undefined && crl === undefined)
    check.addIssue({ code: "custom", path: ["crlCheck"], message: '"crlCheck" needs a "crl"' });
}

function ocspQuestions() {
  return {
    mode: z.enum(["soft", "hard"]).default("hard").meta({
      description:
        "hard: a peer is refused of whom the responder knows nothing, or that does not answer; soft: let in",
    }),
    responder: responder().optional(),
    nonce: z.boolean().default(false).meta({
      description:
        "demand an answer made for this question (RFC 8954); many public responders cannot, and answers are not kept",
    }),
    timeout: timeout(),
  };
}

function responder() {
  return z
    .string()
    .refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ""), {
      error: ({ input }) => `${JSON.stringify(input)} is not a URL of http or https`,
    })
    .meta({ description: "URL of the responder; default: the one that the certificate names (AIA)" });
}

function timeout() {
  return duration({ min: 1 })
    .prefault("5s")
    .refine((milliseconds) => milliseconds <= longestTimeout, "60s at most")
    .meta({ description: "for one answer" });
}
