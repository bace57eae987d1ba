import { ipText } from "../core/ip-bytes.ts";
import type { Parsed } from "../core/parsed.ts";

/** What a client asks a SOCKS server for. */
export interface SocksRequest {
  readonly version: 4 | 5;
  readonly command: "connect" | "other";
  /** A name or an address. */
  readonly host: string;
  readonly port: number;
}

/** Why it does not get it. */
export type SocksRefusal = "failed" | "denied" | "unreachable" | "refused" | "command" | "address-type";

/** Reply codes of version 5 (RFC 1928 section 6). */
const replies: Record<SocksRefusal, number> = {
  failed: 1,
  denied: 2,
  unreachable: 4,
  refused: 5,
  command: 7,
  "address-type": 8,
};

/** The methods that a client of version 5 offers (RFC 1928 section 3). */
export function parseSocksMethods(bytes: Buffer): Parsed<readonly number[]> {
  const [version, count] = bytes;
  if (version !== undefined && version !== 5) return { kind: "bad", reason: "no SOCKS 5" };
  if (count === undefined) return { kind: "more", atLeast: 2 };
  if (bytes.length < 2 + count) return { kind: "more", atLeast: 2 + count };
  return { kind: "value", value: [...bytes.subarray(2, 2 + count)], length: 2 + count };
}

/** A request of version 5 (RFC 1928 section 4). A host of "" is one of a kind that we do not know. */
export function parseSocks5Request(bytes: Buffer): Parsed<SocksRequest> {
  const [version, command, , type, length = 0] = bytes;
  if (version !== undefined && version !== 5) return { kind: "bad", reason: "no SOCKS 5 request" };
  if (bytes.length < 5) return { kind: "more", atLeast: 5 };
  const size = type === 1 ? 4 : type === 4 ? 16 : type === 3 ? 1 + length : undefined;
  const request = { version: 5, command: command === 1 ? "connect" : "other" } as const;
  if (size === undefined)
    return { kind: "value", value: { ...request, host: "", port: 0 }, length: bytes.length };
  const end = 4 + size + 2;
  if (bytes.length < end) return { kind: "more", atLeast: end };
  const host = type === 3 ? bytes.toString("latin1", 5, 4 + size) : ipText(bytes.subarray(4, 4 + size));
  return { kind: "value", value: { ...request, host, port: bytes.readUInt16BE(end - 2) }, length: end };
}

/** A request of version 4, or 4a with a name (their only standard is their first implementation). */
export function parseSocks4Request(bytes: Buffer): Parsed<SocksRequest> {
  const [version, command] = bytes;
  if (version !== undefined && version !== 4) return { kind: "bad", reason: "no SOCKS 4 request" };
  if (bytes.length < 9) return { kind: "more", atLeast: 9 };
  const user = text(bytes, 8);
  if (user.kind !== "value") return user;
  const address = bytes.subarray(4, 8);
  const request = {
    version: 4,
    command: command === 1 ? "connect" : "other",
    port: bytes.readUInt16BE(2),
  } as const;
  // 0.0.0.x stands for a name that follows
  const named = address.readUInt32BE(0) < 0x100 && address[3] !== 0;
  if (!named) return { kind: "value", value: { ...request, host: ipText(address) }, length: user.length };
  const host = text(bytes, user.length);
  if (host.kind !== "value") return host;
  return { kind: "value", value: { ...request, host: host.value }, length: host.length };
}

/** The reply to a request; without a reason, that it is fulfilled. */
export function socksReply(version: 4 | 5, refusal?: SocksRefusal): Buffer {
  if (version === 4) return Buffer.from([0, refusal ? 91 : 90, 0, 0, 0, 0, 0, 0]);
  return Buffer.from([5, refusal ? replies[refusal] : 0, 0, 1, 0, 0, 0, 0, 0, 0]);
}

/** What a server of version 5 has replied: its code. */
export function parseSocks5Reply(bytes: Buffer): Parsed<number> {
  const [version, code = 1, , type, length = 0] = bytes;
  if (version !== undefined && version !== 5) return { kind: "bad", reason: "no SOCKS 5 reply" };
  if (bytes.length < 5) return { kind: "more", atLeast: 5 };
  const size = type === 1 ? 4 : type === 4 ? 16 : type === 3 ? 1 + length : undefined;
  if (size === undefined) return { kind: "bad", reason: "a SOCKS 5 reply with an address of no known kind" };
  const end = 4 + size + 2;
  return bytes.length < end ? { kind: "more", atLeast: end } : { kind: "value", value: code, length: end };
}

/** A request for a name, which the server resolves; an address is sent as text too, which all servers take. */
export function socks5Connect(host: string, port: number): Buffer {
  const name = Buffer.from(host, "latin1");
  return Buffer.concat([Buffer.from([5, 1, 0, 3, name.length]), name, Buffer.from([port >> 8, port & 0xff])]);
}

/** Username and password (RFC 1929). */
export function socks5Credentials(username: string, password: string): Buffer {
  const [user, word] = [Buffer.from(username), Buffer.from(password)];
  return Buffer.concat([Buffer.from([1, user.length]), user, Buffer.from([word.length]), word]);
}

/** Text up to a NUL, of 255 bytes at most. */
function text(bytes: Buffer, start: number): Parsed<string> {
  const end = bytes.indexOf(0, start);
  if ((end < 0 ? bytes.length : end) - start > 255)
    return { kind: "bad", reason: "a SOCKS text of more than 255 bytes" };
  if (end < 0) return { kind: "more", atLeast: bytes.length + 1 };
  return { kind: "value", value: bytes.toString("latin1", start, end), length: end + 1 };
}
