import type { Parsed } from "../core/parsed.ts";
import type { Opening, Protocol } from "../core/session.ts";
import { parseClientHello } from "./client-hello.ts";

/** What a client of a protocol begins with; undefined stands for any byte. */
interface Signature {
  readonly protocol: Protocol;
  readonly bytes: readonly (number | undefined)[];
}

const methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

const signatures: readonly Signature[] = [
  ...[...methods.map((method) => `${method} `), "PRI * HTTP/2.0\r\n"].map((text) => ({
    protocol: "http" as const,
    bytes: [...Buffer.from(text)],
  })),
  // RFC 4253, 4.2
  { protocol: "ssh", bytes: [...Buffer.from("SSH-")] },
  // StartupMessage of protocol 3, then SSLRequest, GSSENCRequest and CancelRequest
  { protocol: "postgres", bytes: [0, 0, undefined, undefined, 0, 3, 0, undefined] },
  { protocol: "postgres", bytes: [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f] },
  { protocol: "postgres", bytes: [0, 0, 0, 8, 4, 0xd2, 0x16, 0x30] },
  { protocol: "postgres", bytes: [0, 0, 0, 16, 4, 0xd2, 0x16, 0x2e] },
  // RFC 1928, 3, with one to nine methods; version 4: CONNECT or BIND
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((count) => ({ protocol: "socks" as const, bytes: [5, count] })),
  { protocol: "socks", bytes: [4, 1] },
  { protocol: "socks", bytes: [4, 2] },
];

/** A TLS record of the handshake. */
const tlsRecord = 22;

/**
 * Reads what a client begins with: a whole ClientHello, or as many bytes as tell other protocols apart. What is no protocol
 * that is known is `other` at the first byte that says so. A ClientHello that is not exactly right is bad, never `other`.
 */
export function readOpening(bytes: Buffer): Parsed<Opening> {
  if (bytes.length === 0) return { kind: "more", atLeast: 1 };
  if (bytes[0] === tlsRecord) {
    const hello = parseClientHello(bytes);
    return hello.kind === "value" ? { ...hello, value: { protocol: "tls", ...hello.value } } : hello;
  }
  const possible = signatures.filter((signature) => couldBe(signature, bytes));
  const known = possible.find((signature) => signature.bytes.length <= bytes.length);
  if (known) return opening(known.protocol, known.bytes.length);
  return possible.length > 0 ? { kind: "more", atLeast: bytes.length + 1 } : opening("other", bytes.length);
}

function couldBe({ bytes: expected }: Signature, bytes: Buffer): boolean {
  return expected.every(
    (byte, index) => byte === undefined || index >= bytes.length || bytes[index] === byte,
  );
}

function opening(protocol: Protocol, length: number): Parsed<Opening> {
  return { kind: "value", value: { protocol }, length };
}
