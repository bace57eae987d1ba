import { randomInt } from "node:crypto";
import type { LinePeer } from "../core/negotiation.ts";

/** A packet of MySQL's and MariaDB's protocol: 3 bytes of length, a number, and what it is about. */
export interface MysqlPacket {
  readonly number: number;
  readonly payload: Buffer;
}

/** Bits of the capabilities, as far as they matter here ("Capabilities Flags" of the protocol's documentation). */
export const capability = {
  /** Everybody has it, but MariaDB leaves it out to say that it is not MySQL. */
  longPassword: 0x1,
  foundRows: 0x2,
  connectWithDatabase: 0x8,
  odbc: 0x40,
  localFiles: 0x80,
  ignoreSpace: 0x100,
  protocol41: 0x200,
  interactive: 0x400,
  ssl: 0x800,
  ignoreSigpipe: 0x1000,
  secureConnection: 0x8000,
  pluginAuth: 0x80000,
  connectAttributes: 0x100000,
  lengthEncodedAuth: 0x200000,
} as const;

/** First bytes of what a server sends while it authenticates. */
export const mysqlAnswers = { ok: 0x00, more: 0x01, authSwitch: 0xfe, error: 0xff } as const;

/** Bytes of a packet before the session is authenticated; real ones have some hundred. */
const longest = 32 * 1024;

export function readPacket(peer: LinePeer): Promise<MysqlPacket> {
  return peer.parse((bytes) => {
    if (bytes.length < 4) return { kind: "more", atLeast: 4 };
    const length = bytes.readUIntLE(0, 3);
    if (length === 0 && bytes[3] === 0) return { kind: "bad", reason: "an empty packet of MySQL" };
    if (length > longest) return { kind: "bad", reason: "no packet of MySQL's authentication" };
    if (bytes.length < 4 + length) return { kind: "more", atLeast: 4 + length };
    const packet = { number: bytes[3] ?? 0, payload: Buffer.from(bytes.subarray(4, 4 + length)) };
    return { kind: "value", value: packet, length: 4 + length };
  });
}

export function packet(number: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(4);
  head.writeUIntLE(payload.length, 0, 3);
  head[3] = number & 0xff;
  return Buffer.concat([head, payload]);
}

/** ERR_Packet. The code and the SQLSTATE are of the protocol's lists. */
export function errorPayload(code: number, state: string, message: string): Buffer {
  const head = Buffer.from([mysqlAnswers.error, code & 0xff, code >> 8]);
  return Buffer.concat([head, Buffer.from(`#${state}${message}`)]);
}

export interface Greeting {
  readonly capabilities: number;
  readonly version: string;
}

/** Protocol::HandshakeV10; undefined if it is something else. */
export function parseGreeting(payload: Buffer): Greeting | undefined {
  const end = payload.indexOf(0);
  // after the version: thread id, 8 bytes of salt, a zero, capabilities, character set, status, capabilities
  if (payload[0] !== 10 || end < 0 || payload.length < end + 32) return undefined;
  const at = end + 1 + 4 + 8 + 1;
  return {
    version: payload.toString("latin1", 1, end),
    capabilities: (payload.readUInt16LE(at) | (payload.readUInt16LE(at + 5) << 16)) >>> 0,
  };
}

/**
 * The greeting of a server that does not know its target yet. Its salt is nobody's; its thread id is one that no server
 * gives, so that KILL by it ends nothing.
 */
export function greeting({ version, capabilities }: Greeting): Buffer {
  const fixed = Buffer.alloc(4 + 8 + 1 + 2 + 1 + 2 + 2 + 1 + 10);
  fixed.writeUInt32LE(0xffffffff, 0);
  salt(8).copy(fixed, 4);
  fixed.writeUInt16LE(capabilities & 0xffff, 13);
  // utf8mb4_general_ci, and autocommit
  fixed[15] = 45;
  fixed.writeUInt16LE(2, 16);
  fixed.writeUInt16LE(capabilities >>> 16, 18);
  fixed[20] = 21;
  return Buffer.concat([
    Buffer.from(`\n${version}\0`, "latin1"),
    fixed,
    salt(12),
    Buffer.from("\0mysql_native_password\0", "latin1"),
  ]);
}

/** What a client answers to the greeting (Protocol::HandshakeResponse41), without its answer to the salt. */
export interface Response {
  /** Capabilities, the longest packet and the character set, and 23 bytes of nothing: all of an SSLRequest. */
  readonly head: Buffer;
  readonly user: Buffer;
  readonly database: Buffer | undefined;
  readonly attributes: Buffer | undefined;
}

/** Bytes of a response's head, and of a whole SSLRequest. */
export const headLength = 32;

export function capabilitiesOf(head: Buffer): number {
  return head.readUInt32LE(0);
}

/** The same head with other capabilities. */
export function withCapabilities(head: Buffer, capabilities: number): Buffer {
  const changed = Buffer.from(head.subarray(0, headLength));
  changed.writeUInt32LE(capabilities >>> 0, 0);
  return changed;
}

/** undefined if it is none, or one of a client from before version 4.1. */
export function parseResponse(payload: Buffer): Response | undefined {
  if (payload.length <= headLength) return undefined;
  const head = payload.subarray(0, headLength);
  const has = (bit: number) => (capabilitiesOf(head) & bit) !== 0;
  if (!has(capability.protocol41) || !has(capability.pluginAuth)) return undefined;
  let at = headLength;
  const upTo = (end: number) => {
    if (end < at || end > payload.length) throw new RangeError("a response that is too short");
    const part = payload.subarray(at, end);
    at = end;
    return part;
  };
  const terminated = () => {
    const end = payload.indexOf(0, at);
    const part = upTo(end < 0 ? payload.length : end);
    at = Math.min(payload.length, at + 1);
    return part;
  };
  const length = () => {
    const first = upTo(at + 1)[0] ?? 0;
    if (first < 251) return first;
    if (first !== 252) throw new RangeError("a response that is too long");
    return upTo(at + 2).readUInt16LE(0);
  };
  try {
    const user = terminated();
    if (has(capability.lengthEncodedAuth)) upTo(length() + at);
    else if (has(capability.secureConnection)) upTo((upTo(at + 1)[0] ?? 0) + at);
    else terminated();
    const database = has(capability.connectWithDatabase) ? terminated() : undefined;
    terminated();
    const attributes =
      has(capability.connectAttributes) && at < payload.length ? upTo(length() + at) : undefined;
    return { head, user, database, attributes };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * The response for a target: it names a plugin that no account has, so that the target asks with the account's own plugin
 * and its own salt, which is passed on to the client.
 */
export function responsePayload(
  { head, user, database, attributes }: Response,
  capabilities: number,
): Buffer {
  const zero = Buffer.from([0]);
  const parts = [withCapabilities(head, capabilities), user, zero, zero];
  if (capabilities & capability.connectWithDatabase) parts.push(database ?? Buffer.alloc(0), zero);
  parts.push(Buffer.from("to_be_asked_again\0", "latin1"));
  if (capabilities & capability.connectAttributes)
    parts.push(lengthEncoded(attributes?.length ?? 0), attributes ?? Buffer.alloc(0));
  return Buffer.concat(parts);
}

function lengthEncoded(value: number): Buffer {
  return value < 251 ? Buffer.from([value]) : Buffer.from([252, value & 0xff, value >> 8]);
}

/** A salt has no zero, which would end it. */
function salt(length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => randomInt(33, 126)));
}
