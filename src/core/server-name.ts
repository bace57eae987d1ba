import { isIP } from "node:net";

/** Octets of a name in SNI, which has a length of two bytes but names a host (RFC 1035, 2.3.4). */
const longest = 255;
const label = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/;

/**
 * The one form in which server names are compared: lower case, without the dot at the end. Undefined for what is no name
 * of a host (RFC 6066, 3): other characters than letters, digits, hyphen and underscore, an empty or too long label, more
 * than 255 octets, an IP address.
 */
export function canonicalServerName(name: string): string | undefined {
  if (name.length > longest) return undefined;
  // before it is changed: toLowerCase makes ASCII letters of some others
  if (!/^[\w.-]+$/.test(name)) return undefined;
  const canonical = (name.endsWith(".") ? name.slice(0, -1) : name).toLowerCase();
  if (isIP(canonical) !== 0) return undefined;
  const labels = canonical.split(".");
  return labels.every((one) => one.length <= 63 && label.test(one)) ? canonical : undefined;
}

/**
 * The name, or `*.` and a name, that routes are found by; undefined for anything else. The wildcard stands for exactly one
 * label (RFC 9525, 6.3).
 */
export function canonicalServerPattern(pattern: string): string | undefined {
  if (!pattern.startsWith("*.")) return canonicalServerName(pattern);
  const rest = canonicalServerName(pattern.slice("*.".length));
  return rest === undefined ? undefined : `*.${rest}`;
}

/** The wildcard pattern that a canonical name fits, if it has more than one label. */
export function wildcardOf(name: string): string | undefined {
  const dot = name.indexOf(".");
  return dot < 0 ? undefined : `*${name.slice(dot)}`;
}
