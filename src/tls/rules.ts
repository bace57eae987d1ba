import { networkList } from "../core/network.ts";
import type { PeerIdentity } from "../core/session.ts";
import type { AllowOptions } from "./access-options.ts";
import { parseUriPattern } from "./uri-pattern.ts";

/**
 * Whether a peer is one of those that are let in: it is enough that one entry of one kind fits. Each is compared with
 * names of its own kind only.
 *
 * @param pinned public keys beside those of `allow.spki`
 */
export function allowRules(
  allow: AllowOptions,
  pinned: readonly string[] = [],
): (identity: PeerIdentity) => boolean {
  const commonNames = new Set(allow.cn);
  const units = new Set(allow.ou);
  const hosts = (allow.dns ?? []).map((name) => name.toLowerCase());
  const networks = networkList(allow.ip ?? []);
  const uris = (allow.uri ?? []).map((pattern) => ({
    fits: parseUriPattern(pattern),
    isSpiffe: /^spiffe:/i.test(pattern),
  }));
  const mailboxes = new Set((allow.email ?? []).map(mailbox));
  const fingerprints = new Set(allow.fingerprint);
  const keys = new Set([...(allow.spki ?? []), ...pinned]);
  return ({ fingerprint, spki, names }) => {
    if (fingerprints.has(fingerprint) || (spki !== undefined && keys.has(spki))) return true;
    if (!names) return false;
    return (
      names.commonNames.some((name) => commonNames.has(name)) ||
      names.organizationalUnits.some((unit) => units.has(unit)) ||
      names.dns.some((name) => hosts.some((host) => hostFits(host, name.toLowerCase()))) ||
      names.ips.some((host) => networks.contains({ kind: "tcp", host, port: 0 })) ||
      names.emails.some((address) => mailboxes.has(mailbox(address))) ||
      // a SPIFFE ID counts only as the one URI of its certificate (X.509-SVID, section 2)
      uris.some(({ fits, isSpiffe }) => (!isSpiffe || names.uris.length === 1) && names.uris.some(fits))
    );
  };
}

/** `*.` in a rule stands for one label; in a certificate it is a name like any other, and stands for nobody here. */
function hostFits(rule: string, name: string): boolean {
  if (rule === name) return true;
  if (!rule.startsWith("*.")) return false;
  const dot = name.indexOf(".");
  return dot > 0 && name.slice(dot) === rule.slice(1) && name.slice(0, dot) !== "*";
}

/** The part before the @ belongs to the host, which may tell upper case apart; the host's own name does not (RFC 5280, 7.5). */
function mailbox(address: string): string {
  const at = address.lastIndexOf("@");
  return address.slice(0, at) + address.slice(at).toLowerCase();
}
