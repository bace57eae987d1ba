import { z } from "zod";
import { isHostName } from "../core/address.ts";
import { filePath, network, type SchemaContext, targetAddress } from "../core/scalars.ts";
import { authorizeOptions } from "./authorize-options.ts";
import { parsePin } from "./pin.ts";
import { checkClientRevocation, clientOcspOptions, revocationOptions } from "./revocation/options.ts";
import { parseUriPattern } from "./uri-pattern.ts";

/** Kinds of `allow` that name a certificate or a key itself: they need no authority to be believed. */
const pinKinds = ["fingerprint", "spki", "certificates"] as const;

/** The `client` block of a frontend's `tls`: certificates of clients. */
export function clientCertificateOptions(context: SchemaContext) {
  return z
    .strictObject({
      verify: z.enum(["none", "optional", "required"]).default("required").meta({
        description: "optional: a certificate may be absent, but one that is sent must be valid",
      }),
      ca: filePath(context).optional().meta({
        description:
          "PEM certificates of the authorities that sign clients; not needed if all of allow are pins",
      }),
      allow: allowOptions(context).optional(),
      redirect: targetAddress(context).optional().meta({
        description:
          "where clients go that are not let in, instead of being closed: host:port or unix:/path, plain",
      }),
      authorize: authorizeOptions(context).optional(),
      ...revocationOptions(context),
      ocsp: clientOcspOptions().optional(),
    })
    .superRefine(checkClients, besideOthers)
    .superRefine(checkClientRevocation, besideOthers)
    .meta({ description: "client certificates (mutual TLS)" });
}

/** Who is let in, by what the certificate says. */
export function allowOptions(context: SchemaContext) {
  const names = (description: string) => z.array(z.string().min(1)).min(1).optional().meta({ description });
  const parsed = <Value extends z.ZodType>(value: Value, description: string) =>
    z.array(value).min(1).optional().meta({ description });
  return z
    .strictObject({
      cn: names("common names, exactly; any one of several counts"),
      ou: names("organizational units, exactly; any one of several counts"),
      dns: parsed(hostPattern(), "DNS names; *.example.com for one label"),
      ip: parsed(network(), "IP addresses, or networks that they are in"),
      uri: parsed(
        uriPattern(),
        "URIs; * for one segment of the path, ** at the end for the rest: spiffe://example.org/web/**",
      ),
      email: names("e-mail addresses; the host in any case"),
      fingerprint: parsed(pin(), "certificates by their SHA-256 fingerprint: sha256:HEX"),
      spki: parsed(
        pin(),
        "public keys by the SHA-256 of their SPKI, which survives a renewal: sha256:HEX or BASE64",
      ),
      certificates: filePath(context)
        .optional()
        .meta({ description: "PEM certificates whose public keys are let in, like entries of spki" }),
    })
    .superRefine((allow, check) => {
      if (Object.values(allow).every((list) => list === undefined))
        check.addIssue({
          code: "custom",
          message: "an empty allow would let nobody in; name somebody or leave it out",
        });
    }, besideOthers)
    .meta({ description: "whom to let in: it is enough that one entry fits; default: whoever is verified" });
}

export type ClientCertificateOptions = z.output<ReturnType<typeof clientCertificateOptions>>;
export type AllowOptions = z.output<ReturnType<typeof allowOptions>>;

/** Whether somebody is let in for a certificate or key alone, without an authority. */
export function hasOnlyPins(allow: AllowOptions | undefined): boolean {
  return isBlock(allow) && namesIn(allow).length === 0;
}

/** The kinds that an authority must vouch for. */
function namesIn(allow: AllowOptions): readonly string[] {
  const isPin = (kind: string) => pinKinds.some((pinKind) => pinKind === kind);
  return Object.entries(allow)
    .filter(([kind, list]) => list !== undefined && !isPin(kind))
    .map(([kind]) => kind);
}

/** Where other errors are reported too, a block may be anything. */
function isBlock(allow: AllowOptions | undefined): allow is AllowOptions {
  return typeof allow === "object" && allow !== null;
}

/** These checks run whatever else is wrong in the block, so that every error is reported in one run. */
const besideOthers = {
  when: ({ value }: { readonly value: unknown }) => typeof value === "object" && value !== null,
};

interface ClientBlock {
  readonly verify: "none" | "optional" | "required";
  readonly ca?: string | undefined;
  readonly allow?: AllowOptions | undefined;
  readonly redirect?: unknown;
  readonly authorize?: unknown;
}

function checkClients({ verify, ca, allow, redirect, authorize }: ClientBlock, check: z.RefinementCtx): void {
  const fault = (message: string, ...path: readonly string[]) =>
    check.addIssue({ code: "custom", path: [...path], message });
  if (verify === "none") {
    if (allow !== undefined)
      fault("verify: none asks no client for a certificate; allow has nothing to look at", "allow");
    if (redirect !== undefined && authorize === undefined)
      fault("verify: none lets everybody in, so there is nobody to redirect", "redirect");
    return;
  }
  if (ca !== undefined || hasOnlyPins(allow)) return;
  const names = isBlock(allow) ? namesIn(allow) : [];
  if (names.length > 0)
    fault(
      `without a "ca" anybody can write any name into a certificate: allow.${names[0]} needs one`,
      "allow",
    );
  else fault(`verify: ${verify} needs a "ca" that signs the clients, or pins in "allow"`);
}

/** The `verify` and `allow` of a backend's `tls`. */
export function checkTargets(
  {
    verify,
    ca,
    allow,
  }: { readonly verify: string; readonly ca?: string | undefined; readonly allow?: AllowOptions | undefined },
  check: z.RefinementCtx,
): void {
  const fault = (message: string, path: string) => check.addIssue({ code: "custom", path: [path], message });
  if (verify === "none" && allow !== undefined)
    fault("verify: none looks at no certificate; take verify: pin, chain or full with allow", "allow");
  if (verify !== "pin") return;
  if (!hasOnlyPins(allow))
    fault("verify: pin needs an allow with fingerprint, spki or certificates, and nothing else", "allow");
  if (ca !== undefined) fault('verify: pin looks at no chain; leave "ca" out, or take verify: chain', "ca");
}

function hostPattern() {
  return z.string().refine((text) => isHostName(text.replace(/^\*\./, "")), {
    error: ({ input }) => `${JSON.stringify(input)} is neither a host name nor one behind "*."`,
  });
}

function uriPattern() {
  return z.string().superRefine((text, check) => {
    try {
      parseUriPattern(text);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      check.addIssue({ code: "custom", message: error.message });
    }
  });
}

function pin() {
  return z.string().transform((text, check) => {
    const parsed = parsePin(text);
    if (parsed !== undefined) return parsed;
    check.addIssue({
      code: "custom",
      message: `${JSON.stringify(text)} is no SHA-256 digest; write sha256: and 64 hexadecimal digits, as certs show prints it`,
    });
    return z.NEVER;
  });
}
