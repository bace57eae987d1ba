import { isIP, isIPv6 } from "node:net";

/** Where a listener listens or a target is reached. */
export type Address =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/**
 * Reads `port`, `host:port`, `[v6]:port`, `[v6%zone]:port` or `unix:/path`.
 *
 * @param defaultHost the host of a bare port
 * @throws RangeError with a message that names the text and the remedy
 */
export function parseAddress(text: string, defaultHost: string): Address {
  if (text.startsWith("unix:")) return parseUnix(text);
  const bare = /^\d+$/.test(text);
  if (bare) return { kind: "tcp", host: defaultHost, port: parsePort(text, text) };
  const bracketed = /^\[([^\]]+)\]:(\d+)$/.exec(text);
  if (bracketed) {
    const [, host = "", port = ""] = bracketed;
    if (!isIPv6(host)) throw new RangeError(`"${text}": "${host}" is not an IPv6 address`);
    return { kind: "tcp", host, port: parsePort(port, text) };
  }
  if (text.includes("://"))
    throw new RangeError(`"${text}": an address has no scheme and no path, write host:PORT`);
  const colon = text.lastIndexOf(":");
  if (colon < 0) throw new RangeError(`"${text}" has no port, write ${text || "host"}:PORT`);
  const host = text.slice(0, colon);
  if (/[[\]]/.test(host)) throw new RangeError(`"${text}": write an IPv6 address as [v6]:PORT`);
  if (host.includes(":")) throw new RangeError(`"${text}": put an IPv6 address in brackets, [${host}]:PORT`);
  if (host !== "" && !isHostName(host))
    throw new RangeError(`"${text}": "${host}" is not a host name or address`);
  return {
    kind: "tcp",
    host: host === "" ? defaultHost : host,
    port: parsePort(text.slice(colon + 1), text),
  };
}

/** The text that `parseAddress` reads back. */
export function formatAddress(address: Address): string {
  switch (address.kind) {
    case "unix":
      return `unix:${address.path}`;
    case "tcp":
      return isIPv6(address.host) ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
  }
}

/** A host name (letters, digits, hyphen, underscore, dots; 253 octets, RFC 1123) or an IP literal. */
export function isHostName(host: string): boolean {
  if (isIP(host) !== 0) return true;
  return (
    host.length <= 253 &&
    /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$/i.test(host)
  );
}

function parseUnix(text: string): Address {
  const path = text.slice("unix:".length);
  if (path === "") throw new RangeError(`"${text}" has no path, write unix:/path/to.sock`);
  // sockaddr_un holds 108 bytes with the closing NUL (unix(7))
  if (Buffer.byteLength(path) > 107)
    throw new RangeError(`"${text}": a unix socket path has at most 107 bytes`);
  if (path.includes("\0")) throw new RangeError("a unix socket path holds no NUL byte");
  return { kind: "unix", path };
}

function parsePort(digits: string, text: string): number {
  if (digits === "") throw new RangeError(`"${text}": the port is missing after the colon`);
  const port = /^\d{1,5}$/.test(digits) ? Number(digits) : Number.NaN;
  if (!(port >= 0 && port <= 65535))
    throw new RangeError(`"${text}": "${digits}" is not a port (0 to 65535)`);
  return port;
}
