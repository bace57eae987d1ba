import { isIP, isIPv4, SocketAddress } from "node:net";
import type { Der } from "./der.ts";
import { taggedBytes } from "./der.ts";

/** A name that a certificate vouches for (RFC 5280, 4.2.1.6). */
export interface SubjectAlternativeName {
  readonly type: "dns" | "ip" | "uri" | "email";
  readonly value: string;
}

/** The context tags of GeneralName. */
const tags = { email: 1, dns: 2, uri: 6, ip: 7 } as const;

/**
 * Tells by its form which kind of name the text is.
 *
 * @throws RangeError with a message that names the text and what can stand there
 */
export function parseSubjectAlternativeName(text: string): SubjectAlternativeName {
  const name = { type: typeOf(text), value: text } as const;
  checkSubjectAlternativeName(name);
  return name;
}

/** @throws RangeError when no client could ever match the name */
export function checkSubjectAlternativeName({ type, value }: SubjectAlternativeName): void {
  const reason = complaint(type, value);
  if (reason) throw new RangeError(`"${value}" ${reason}`);
}

export function encodeSubjectAlternativeName(name: SubjectAlternativeName): Der {
  checkSubjectAlternativeName(name);
  const bytes = name.type === "ip" ? addressBytes(name.value) : Buffer.from(name.value, "ascii");
  return taggedBytes(tags[name.type], bytes);
}

function typeOf(text: string): SubjectAlternativeName["type"] {
  if (isIP(text) !== 0) return "ip";
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text) || text.startsWith("urn:")) return "uri";
  return text.includes("@") ? "email" : "dns";
}

function complaint(type: SubjectAlternativeName["type"], value: string): string | undefined {
  switch (type) {
    case "dns":
      return isDnsName(value)
        ? undefined
        : "is not a host name, IP address, URI or e-mail address (an internationalised name is written as xn--…)";
    case "ip":
      return isIP(value) !== 0 && !value.includes("%") ? undefined : "is not an IP address without a zone";
    case "uri":
      return isUri(value)
        ? undefined
        : "is not an absolute URI in ASCII, write for example spiffe://example.org/web";
    case "email":
      return isMailbox(value) ? undefined : "is not an e-mail address in ASCII";
  }
}

/** Letters, digits, hyphen and underscore; a wildcard only as the whole leftmost label (RFC 9525, 6.3). */
function isDnsName(value: string): boolean {
  const host = value.startsWith("*.") ? value.slice(2) : value;
  // four numbers with dots that isIP refused are a mistyped address, no name
  if (value.length > 253 || /(^|\.)\d+$/.test(host)) return false;
  return host.split(".").every((label) => /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/i.test(label));
}

/** The authority names the identity (RFC 5280, 4.2.1.6); only a scheme without `//` has none. */
function isUri(value: string): boolean {
  const uri = /^[\x21-\x7e]+$/.test(value) ? URL.parse(value) : null;
  return uri !== null && (uri.hostname !== "" || !value.includes("://"));
}

function isMailbox(value: string): boolean {
  const [, local = "", host = ""] = /^([^@]+)@([^@]+)$/.exec(value) ?? [];
  return /^[\x21-\x7e]+$/.test(local) && !host.startsWith("*") && isDnsName(host);
}

function addressBytes(text: string): Buffer {
  if (isIPv4(text)) return Buffer.from(text.split(".").map(Number));
  // SocketAddress writes every IPv6 form the same way: an embedded IPv4 as dotted quad only for ::ffff:0:0/96 and the like
  const canonical = new SocketAddress({ address: text, family: "ipv6" }).address;
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(canonical);
  const hex = dotted ? canonical.slice(0, dotted.index) + dottedToGroups(dotted) : canonical;
  const [head = "", tail] = hex.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const gap = new Array<string>(8 - left.length - right.length).fill("0");
  const bytes = Buffer.alloc(16);
  for (const [index, group] of [...left, ...gap, ...right].entries())
    bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  return bytes;
}

function dottedToGroups([, a, b, c, d]: readonly string[]): string {
  const group = (high: string | undefined, low: string | undefined) =>
    (Number(high) * 256 + Number(low)).toString(16);
  return `${group(a, b)}:${group(c, d)}`;
}
