import { X509Certificate } from "node:crypto";
import { DerError } from "../core/der.ts";
import type { Access, PeerCheck } from "./access.ts";
import { type AllowOptions, type ClientCertificateOptions, hasOnlyPins } from "./access-options.ts";
import type { AuthorizeOptions } from "./authorize-options.ts";
import { authorizer } from "./authorizer.ts";
import type { TlsFiles } from "./files.ts";
import { loadAuthorities, MaterialError, type MaterialOption } from "./identity.ts";
import type { ClientTlsOptions } from "./options.ts";
import { spkiOf } from "./peer.ts";
import { loadRevocation, revocationCheck } from "./revocation/load.ts";
import type { Revocation } from "./revocation/revocation.ts";
import { allowRules } from "./rules.ts";

/** What decides about peers, read and checked. */
export interface LoadedAccess {
  readonly access: Access;
  /** PEM: the authorities to trust; undefined for those of the system, empty for nobody. */
  readonly ca: readonly string[] | undefined;
  /** All of it as text: it is the same only where the same peers are let in. */
  readonly trust: string;
  readonly revocation: Revocation | undefined;
}

/**
 * Who comes in through a frontend.
 *
 * @throws MaterialError
 */
export async function loadClientAccess(
  options: ClientCertificateOptions | undefined,
  files: TlsFiles,
): Promise<LoadedAccess> {
  const { verify = "none", ca: path, allow, redirect } = options ?? {};
  const given = path === undefined ? undefined : await loadAuthorities(path, { option: "client.ca", files });
  const trusts = given === undefined && hasOnlyPins(allow) ? "pins" : "chain";
  const pinned = await pinnedKeys(allow, { option: "client.allow.certificates", files });
  const revocation = await loadRevocation(options ?? {}, { role: "client", authorities: given, files });
  const checks = [
    ...(revocation ? [revocationCheck(revocation, "client")] : []),
    ...(options?.authorize ? [await loadAuthorizer(options.authorize, files)] : []),
  ];
  return {
    access: {
      role: "client",
      verify,
      trusts,
      ...(allow ? { allow: allowRules(allow, pinned) } : {}),
      checks,
    },
    ca: trusts === "pins" ? [] : given,
    trust: JSON.stringify([
      verify,
      trusts,
      given,
      // where the pinned certificates are read from may differ from machine to machine
      { ...allow, certificates: undefined },
      pinned,
      redirect,
      revocation?.identity,
    ]),
    revocation,
  };
}

/**
 * Which targets are taken.
 *
 * @throws MaterialError
 */
export async function loadTargetAccess(options: ClientTlsOptions, files: TlsFiles): Promise<LoadedAccess> {
  const { verify, ca: path, allow } = options;
  const given = path === undefined ? undefined : await loadAuthorities(path, { option: "ca", files });
  const pinned = await pinnedKeys(allow, { option: "allow.certificates", files });
  const revocation = await loadRevocation(options, { role: "server", authorities: given, files });
  return {
    access: {
      role: "server",
      verify: verify === "none" ? "none" : "required",
      trusts: verify === "pin" ? "pins" : "chain",
      ...(allow ? { allow: allowRules(allow, pinned) } : {}),
      checks: revocation ? [revocationCheck(revocation, "server")] : [],
    },
    ca: verify === "pin" ? [] : given,
    trust: JSON.stringify([verify, given, allow, pinned, revocation?.identity]),
    revocation,
  };
}

async function loadAuthorizer({ url, timeout, ca }: AuthorizeOptions, files: TlsFiles): Promise<PeerCheck> {
  const option = "client.authorize.ca";
  return authorizer({
    url,
    timeout,
    ca: ca === undefined ? undefined : await loadAuthorities(ca, { option, files }),
  });
}

async function pinnedKeys(
  allow: AllowOptions | undefined,
  { option, files }: { readonly option: MaterialOption; readonly files: TlsFiles },
): Promise<readonly string[]> {
  if (allow?.certificates === undefined) return [];
  const certificates = await loadAuthorities(allow.certificates, { option, files });
  try {
    return certificates.map((pem) => spkiOf(new X509Certificate(pem)));
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw new MaterialError(option, `${allow.certificates}: ${cause.message}`, { cause });
  }
}
