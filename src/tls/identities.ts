import type { SecureContext, TlsOptions } from "node:tls";
import { DerError } from "../core/der.ts";
import { Pace } from "../core/pace.ts";
import { canonicalServerName, canonicalServerPattern, wildcardOf } from "../core/server-name.ts";
import { readNames } from "../protocol/x509/names.ts";
import type { TlsFiles } from "./files.ts";
import { type Identity, loadIdentity, MaterialError } from "./identity.ts";
import type { ServerTlsOptions } from "./options.ts";
import { makeContext } from "./try-context.ts";

/**
 * Reads all identities of a frontend, the one first that is shown where no other has the client's server name.
 *
 * @throws MaterialError when one cannot be used
 */
export async function loadIdentities(
  options: ServerTlsOptions,
  files: TlsFiles,
): Promise<readonly Identity[]> {
  const own = await loadIdentity(options, { files });
  const identities = own ? [own] : [];
  for (const [place, entry] of (options.certificates ?? []).entries()) {
    try {
      const identity = await loadIdentity(entry, { files });
      if (identity) identities.push({ ...identity, option: `certificates.${place}.${identity.option}` });
    } catch (error) {
      if (!(error instanceof MaterialError)) throw error;
      throw new MaterialError(`certificates.${place}.${error.option}`, error.message, { cause: error.cause });
    }
  }
  return identities;
}

/**
 * Chooses among identities by the server name; all stand for the same rules, so one server may have them. Tickets are those of
 * the server itself, whichever certificate was shown (OpenSSL keeps to the first context for them).
 *
 * @throws MaterialError when one cannot be used
 */
export async function chooseIdentity(
  identities: readonly Identity[],
  server: TlsOptions,
): Promise<TlsOptions> {
  if (identities.length < 2) return {};
  const contexts = new Map<string, SecureContext>();
  const pace = new Pace();
  for (const identity of identities) {
    await pace.breathe();
    const { cert, key } = identity;
    const context = makeContext({ ...server, cert, key }, identity);
    for (const name of namesOf(identity)) {
      const pattern = canonicalServerPattern(name);
      if (pattern !== undefined && !contexts.has(pattern)) contexts.set(pattern, context);
    }
  }
  return {
    SNICallback: (asked, answer) => {
      const name = canonicalServerName(asked) ?? "";
      answer(null, contexts.get(name) ?? contexts.get(wildcardOf(name) ?? ""));
    },
  };
}

function namesOf({ leaf, source, option }: Identity): readonly string[] {
  try {
    return readNames(leaf.raw).dns;
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause;
    throw new MaterialError(option, `the names in ${source} cannot be read: ${cause.message}`, { cause });
  }
}
