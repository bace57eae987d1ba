import { isHostName } from "../../core/address.ts";
import type { ProxiedTls } from "../../core/session.ts";
import { crc32c } from "./crc32c.ts";
import type { ProxyFacts } from "./header.ts";

/** The types that we read or write (section 2.2); all others are skipped. */
const types = { alpn: 0x01, authority: 0x02, crc32c: 0x03, uniqueId: 0x05, ssl: 0x20 } as const;
const sslTypes = { version: 0x21, commonName: 0x22, cipher: 0x23, signature: 0x24, key: 0x25 } as const;

/** Bits of the `client` byte (section 2.2.5). */
const client = { ssl: 0x01, certificateInConnection: 0x02, certificateInSession: 0x04 } as const;

/** The lengths that the document allows. */
const longestName = 255;
const longestUniqueId = 128;

/** The TLVs cannot be what they should; the message says why. Never leaves this folder. */
export class TlvError extends Error {}

/**
 * Reads the TLVs at the end of a header, and checks the checksum over all of it if there is one.
 *
 * @throws TlvError
 */
export function readTlvs(header: Buffer, start: number): ProxyFacts {
  const tlvs = splitTlvs(header.subarray(start), "TLV");
  const checksum = tlvs.get(types.crc32c);
  if (checksum) checkChecksum(header, checksum);
  const alpn = tlvs.get(types.alpn);
  const authority = tlvs.get(types.authority);
  const uniqueId = tlvs.get(types.uniqueId);
  const ssl = tlvs.get(types.ssl);
  return {
    ...(alpn ? { alpn: alpnText(alpn) } : {}),
    ...(authority ? { authority: hostName(authority) } : {}),
    ...(uniqueId ? { uniqueId: atMost(uniqueId, longestUniqueId, "unique id") } : {}),
    ...(ssl ? sslFacts(ssl) : {}),
  };
}

/** Writes TLVs. With `checksum`, the last one is a CRC32c that `sealChecksum` has to fill in. */
export function writeTlvs(facts: ProxyFacts, { checksum }: { readonly checksum: boolean }): Buffer {
  const parts: Buffer[] = [];
  if (facts.alpn !== undefined) parts.push(tlv(types.alpn, Buffer.from(facts.alpn, "latin1")));
  if (facts.authority !== undefined) parts.push(tlv(types.authority, Buffer.from(facts.authority)));
  if (facts.uniqueId) parts.push(tlv(types.uniqueId, facts.uniqueId.subarray(0, longestUniqueId)));
  if (facts.tls) parts.push(tlv(types.ssl, sslValue(facts.tls)));
  if (checksum) parts.push(tlv(types.crc32c, Buffer.alloc(4)));
  return Buffer.concat(parts);
}

/** Fills in the checksum that is the last thing in `header`. */
export function sealChecksum(header: Buffer): void {
  header.writeUInt32BE(crc32c(header), header.length - 4);
}

/** By type. What we have no use for may come twice; of what we read, nobody could say which one counts. */
function splitTlvs(bytes: Buffer, what: string): ReadonlyMap<number, Buffer> {
  const known = new Set<number>([...Object.values(types), ...Object.values(sslTypes)]);
  const tlvs = new Map<number, Buffer>();
  for (let offset = 0; offset < bytes.length; ) {
    if (bytes.length - offset < 3) throw new TlvError(`${what}: cut off`);
    const type = bytes.readUInt8(offset);
    const end = offset + 3 + bytes.readUInt16BE(offset + 1);
    if (end > bytes.length) throw new TlvError(`${what}: longer than what it is part of`);
    if (known.has(type) && tlvs.has(type)) throw new TlvError(`${what}: two of type ${type}`);
    tlvs.set(type, bytes.subarray(offset + 3, end));
    offset = end;
  }
  return tlvs;
}

function checkChecksum(header: Buffer, checksum: Buffer): void {
  if (checksum.length !== 4) throw new TlvError("the checksum has not 4 bytes");
  const copy = Buffer.from(header);
  // computed as if it were zero
  copy.fill(0, checksum.byteOffset - header.byteOffset, checksum.byteOffset - header.byteOffset + 4);
  if (crc32c(copy) !== checksum.readUInt32BE()) throw new TlvError("the checksum is wrong");
}

function alpnText(value: Buffer): string {
  if (value.length === 0) throw new TlvError("an empty application protocol");
  return atMost(value, longestName, "application protocol").toString("latin1");
}

/** A name that is none must not come to be "no name" and take the route of those. */
function hostName(value: Buffer): string {
  const text = atMost(value, longestName, "authority").toString().toLowerCase();
  if (!isHostName(text)) throw new TlvError("the authority is not a host name");
  return text.replace(/\.$/, "");
}

function sslFacts(value: Buffer): { readonly tls?: ProxiedTls } {
  if (value.length < 5) throw new TlvError("the SSL TLV is too short");
  const bits = value.readUInt8(0);
  const inner = splitTlvs(value.subarray(5), "SSL sub-TLV");
  if ((bits & client.ssl) === 0) return {};
  const certificate = (bits & (client.certificateInConnection | client.certificateInSession)) !== 0;
  const text = (type: number) => inner.get(type)?.toString("utf8", 0, longestName);
  return {
    tls: {
      version: text(sslTypes.version),
      cipher: text(sslTypes.cipher),
      signature: text(sslTypes.signature),
      key: text(sslTypes.key),
      commonName: text(sslTypes.commonName),
      resumed: certificate && (bits & client.certificateInConnection) === 0,
      // some senders say 0, "verified", where no certificate was sent
      verified: certificate && value.readUInt32BE(1) === 0,
    },
  };
}

function sslValue(tls: ProxiedTls): Buffer {
  const certificate = tls.verified || tls.commonName !== undefined;
  const inConnection = certificate && !tls.resumed;
  const head = Buffer.alloc(5);
  head.writeUInt8(
    client.ssl |
      (certificate ? client.certificateInSession : 0) |
      (inConnection ? client.certificateInConnection : 0),
  );
  head.writeUInt32BE(tls.verified ? 0 : 1, 1);
  const parts: Buffer[] = [head];
  for (const key of ["version", "commonName", "cipher", "signature", "key"] as const) {
    const text = tls[key];
    if (text !== undefined) parts.push(tlv(sslTypes[key], Buffer.from(text)));
  }
  return Buffer.concat(parts);
}

function tlv(type: number, value: Uint8Array): Buffer {
  const head = Buffer.alloc(3);
  head.writeUInt8(type);
  head.writeUInt16BE(value.length, 1);
  return Buffer.concat([head, value]);
}

function atMost(value: Buffer, longest: number, what: string): Buffer {
  if (value.length > longest) throw new TlvError(`the ${what} is longer than ${longest} bytes`);
  return value;
}
