import type { Parsed } from "../core/parsed.ts";
import { canonicalServerName } from "../core/server-name.ts";

/*
 * The first flight of a TLS client (RFC 8446, 4.1.2 and 5.1; RFC 5246, 7.4.1.2 and 6.2.1), read far enough to choose a
 * route. A hello may come in records of one byte, which OpenSSL accepts: a reader that takes the first record for the
 * whole hello sends it to the wrong route (Traefik CVE-2026-32305). So fragments are joined first, and whatever is not
 * exactly as it must be is bad; it never counts as a hello without a name.
 */

/** What a client asks for before anything is secret. */
export interface ClientHello {
  /** SNI in lower case without a dot at its end; undefined when it was not sent. */
  readonly serverName: string | undefined;
  /** The application protocols offered, in the client's order; empty without ALPN. */
  readonly alpn: readonly string[];
}

/** Bytes of a hello, its record headers included. Those of browsers have 2 KiB, with many session tickets some more. */
export const longestClientHello = 64 * 1024;

const handshakeRecord = 22;
const clientHelloMessage = 1;
const recordHeader = 5;
const messageHeader = 4;
const largestFragment = 2 ** 14;
const serverNameExtension = 0;
const alpnExtension = 16;

/** Reads a ClientHello from the first byte of a connection. The value's length counts the bytes of its records. */
export function parseClientHello(bytes: Buffer): Parsed<ClientHello> {
  const joined = joinRecords(bytes);
  if (joined.kind !== "value") return joined;
  const hello = new Fields(joined.value);
  try {
    return { kind: "value", value: readHello(hello), length: joined.length };
  } catch (error) {
    if (error instanceof Malformed) return { kind: "bad", reason: error.message };
    throw error;
  }
}

/** The body of the first handshake message, its records joined. */
function joinRecords(bytes: Buffer): Parsed<Buffer> {
  const fragments: Buffer[] = [];
  /** Bytes of the message with its header; known once four of them are here. */
  let wanted: number | undefined;
  for (let offset = 0, joined = 0; ; ) {
    const fault = headerFault(bytes.subarray(offset, offset + recordHeader));
    if (fault !== undefined) return bad(fault);
    if (bytes.length < offset + recordHeader) return more(offset, (wanted ?? messageHeader) - joined);
    const start = offset + recordHeader;
    offset = start + bytes.readUInt16BE(offset + 3);
    joined += offset - start;
    fragments.push(bytes.subarray(start, offset));
    if (wanted === undefined) {
      const head = Buffer.concat(fragments);
      if (head.length > 0 && head[0] !== clientHelloMessage)
        return bad("the first message is no ClientHello");
      if (head.length >= messageHeader) wanted = messageHeader + head.readUIntBE(1, 3);
    }
    if (offset > longestClientHello || (wanted ?? 0) > longestClientHello)
      return bad(`longer than ${longestClientHello} bytes`);
    if (wanted !== undefined && joined > wanted)
      return bad("something follows the ClientHello in its record");
    if (bytes.length < offset) return more(offset, (wanted ?? joined) - joined);
    if (joined === wanted)
      return { kind: "value", value: Buffer.concat(fragments).subarray(messageHeader), length: offset };
  }
}

/**
 * At least `missing` bytes of the message are to come behind `offset`. To ask for all of them, and not for the next record
 * only, keeps a hello in records of one byte from being read from its start again for each of them.
 */
function more(offset: number, missing: number): Parsed<never> {
  return { kind: "more", atLeast: missing > 0 ? offset + recordHeader + missing : offset };
}

/** What is wrong with as much of a record's header as has come: a stranger is not waited for. */
function headerFault(header: Buffer): string | undefined {
  const [type, major] = header;
  if (type !== undefined && type !== handshakeRecord) return "not a TLS handshake";
  if (major !== undefined && major !== 3) return "not a version of TLS";
  if (header.length < recordHeader) return undefined;
  const length = header.readUInt16BE(3);
  // an empty record of this type is forbidden (RFC 8446, 5.1), and would be a way to be slow
  return length === 0 || length > largestFragment ? "a record of a length that TLS does not have" : undefined;
}

function readHello(hello: Fields): ClientHello {
  if (hello.take(2)[0] !== 3) throw new Malformed("not a version of TLS");
  hello.take(32);
  if (hello.vector(1).size > 32) throw new Malformed("a session id of more than 32 bytes");
  const suites = hello.vector(2).size;
  if (suites < 2 || suites % 2 === 1) throw new Malformed("a wrong list of cipher suites");
  if (hello.vector(1).size < 1) throw new Malformed("a wrong list of compression methods");
  // a hello of TLS 1.2 may end here
  if (hello.size === 0) return { serverName: undefined, alpn: [] };
  const extensions = hello.vector(2);
  hello.end();
  let serverName: string | undefined;
  let alpn: readonly string[] = [];
  const seen = new Set<number>();
  while (extensions.size > 0) {
    const type = extensions.number(2);
    const body = extensions.vector(2);
    if (seen.has(type)) throw new Malformed("an extension that is there twice");
    seen.add(type);
    if (type === serverNameExtension) serverName = readServerName(body);
    if (type === alpnExtension) alpn = readAlpn(body);
  }
  return { serverName, alpn };
}

/** RFC 6066, 3. Of the kinds of names there is only one, and of each kind one name is allowed. */
function readServerName(body: Fields): string {
  const list = body.vector(2);
  body.end();
  if (list.number(1) !== 0) throw new Malformed("a server name that is no host name");
  const name = list.vector(2).rest();
  if (list.size > 0) throw new Malformed("more than one server name");
  const canonical = canonicalServerName(name.toString("latin1"));
  if (canonical === undefined) throw new Malformed("a server name that is no host name");
  return canonical;
}

/** RFC 7301, 3.1. */
function readAlpn(body: Fields): readonly string[] {
  const list = body.vector(2);
  body.end();
  const protocols: string[] = [];
  while (list.size > 0) {
    const protocol = list.vector(1).rest();
    if (protocol.length === 0) throw new Malformed("an application protocol without a name");
    protocols.push(protocol.toString("latin1"));
  }
  if (protocols.length === 0) throw new Malformed("an empty list of application protocols");
  return protocols;
}

class Malformed extends Error {}

/** Reads TLS's numbers and vectors from the front; throws Malformed where they reach beyond the end. */
class Fields {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get size(): number {
    return this.#bytes.length - this.#offset;
  }

  take(count: number): Buffer {
    if (count > this.size) throw new Malformed("a field that is longer than what it stands in");
    this.#offset += count;
    return this.#bytes.subarray(this.#offset - count, this.#offset);
  }

  number(bytes: 1 | 2): number {
    return this.take(bytes).readUIntBE(0, bytes);
  }

  /** What stands behind a length of so many bytes. */
  vector(lengthBytes: 1 | 2): Fields {
    return new Fields(this.take(this.number(lengthBytes)));
  }

  rest(): Buffer {
    return this.take(this.size);
  }

  end(): void {
    if (this.size > 0) throw new Malformed("a field that is shorter than what it stands in");
  }
}

function bad(reason: string): Parsed<never> {
  return { kind: "bad", reason };
}
