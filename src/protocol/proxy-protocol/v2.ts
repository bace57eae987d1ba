import type { Address } from "../../core/address.ts";
import { ipText, unmapped } from "../../core/ip-bytes.ts";
import type { Parsed } from "../../core/parsed.ts";
import { sameFamily } from "./endpoints.ts";
import type { Endpoints, ProxyFacts, ProxyHeader } from "./header.ts";
import { readTlvs, sealChecksum, TlvError, writeTlvs } from "./tlv.ts";

/** How a header of version 2 begins. */
export const v2Signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");

/** Signature, version and command, family and transport, length. */
const fixedLength = 16;

/** As much as HAProxy reads by default; the longest that senders are known to send is a tenth of it. */
const longest = 16 * 1024;

const commands: Readonly<Record<number, ProxyHeader["command"]>> = { 32: "local", 33: "proxy" };

/** Address family in the upper half, transport (unspecified, stream, datagram) in the lower one. */
const families: Readonly<Record<number, Family>> = {
  0: { length: 0, read: () => undefined },
  1: { length: 12, read: (block) => ipEndpoints(block, 4) },
  2: { length: 36, read: (block) => ipEndpoints(block, 16) },
  3: { length: 216, read: unixEndpoints },
};

interface Family {
  readonly length: number;
  read(block: Buffer): Endpoints | undefined;
}

/** Reads a header of version 2 from bytes that begin with its signature, as far as they go. */
export function parseV2(bytes: Buffer): Parsed<ProxyHeader> {
  if (bytes.length < v2Signature.length + 1) return { kind: "more", atLeast: fixedLength };
  const command = commands[bytes.readUInt8(12)];
  if (!command) return bad("the version or command is unknown");
  if (bytes.length < fixedLength) return { kind: "more", atLeast: fixedLength };
  const length = fixedLength + bytes.readUInt16BE(14);
  if (length > longest) return bad(`the header is longer than ${longest} bytes`);
  if (bytes.length < length) return { kind: "more", atLeast: length };
  // everything else is to be ignored, even what would be wrong
  if (command === "local") return { kind: "value", length, value: { version: 2, command, facts: {} } };
  const family = familyOf(bytes.readUInt8(13));
  if (!family) return bad("the address family or transport is unknown");
  if (length < fixedLength + family.length) return bad("the header is too short for its addresses");
  try {
    const header = bytes.subarray(0, length);
    const endpoints = family.read(header.subarray(fixedLength));
    const facts = readTlvs(header, fixedLength + family.length);
    return { kind: "value", length, value: { version: 2, command, endpoints, facts } };
  } catch (error) {
    if (!(error instanceof TlvError)) throw error;
    return bad(error.message);
  }
}

export interface V2Options {
  readonly endpoints?: Endpoints | undefined;
  readonly facts?: ProxyFacts;
  /** Whether a CRC32c goes with it. */
  readonly checksum?: boolean;
}

/**
 * Writes a header of version 2 about a stream. Where there are no addresses to tell it is LOCAL, with nothing else: the
 * document would have UNSPEC, but receivers such as HAProxy refuse that.
 */
export function encodeV2({ endpoints, facts = {}, checksum = false }: V2Options): Buffer {
  const addresses = endpoints && addressBlock(endpoints);
  if (!addresses) return Buffer.concat([v2Signature, Buffer.from([0x20, 0, 0, 0])]);
  const tlvs = writeTlvs(facts, { checksum });
  const header = Buffer.concat([v2Signature, Buffer.alloc(4), addresses.block, tlvs]);
  header.writeUInt8(0x21, 12);
  header.writeUInt8(addresses.code, 13);
  header.writeUInt16BE(header.length - fixedLength, 14);
  if (checksum) sealChecksum(header);
  return header;
}

/** Of the unspecified family the document names 0x00 only, of the others those with a transport. */
function familyOf(code: number): Family | undefined {
  const transport = code & 0x0f;
  const known = code === 0 || (code > 0x0f && (transport === 1 || transport === 2));
  return known ? families[code >> 4] : undefined;
}

function ipEndpoints(block: Buffer, size: number): Endpoints {
  const endpoint = (index: number): Address => ({
    kind: "tcp",
    host: ipText(unmapped(block.subarray(index * size, (index + 1) * size))),
    port: block.readUInt16BE(2 * size + 2 * index),
  });
  return { source: endpoint(0), destination: endpoint(1) };
}

function unixEndpoints(block: Buffer): Endpoints {
  const endpoint = (index: number): Address => {
    const path = block.subarray(108 * index, 108 * (index + 1));
    const end = path.indexOf(0);
    return { kind: "unix", path: path.toString("utf8", 0, end < 0 ? path.length : end) };
  };
  return { source: endpoint(0), destination: endpoint(1) };
}

function addressBlock(endpoints: Endpoints): { readonly code: number; readonly block: Buffer } | undefined {
  const pair = sameFamily(endpoints);
  if (pair) {
    const ports = Buffer.alloc(4);
    ports.writeUInt16BE(pair.source.port, 0);
    ports.writeUInt16BE(pair.destination.port, 2);
    const block = Buffer.concat([pair.source.bytes, pair.destination.bytes, ports]);
    return { code: pair.family === 4 ? 0x11 : 0x21, block };
  }
  const { source, destination } = endpoints;
  // a client of a unix socket usually has no path
  if (source.kind !== "unix" || destination.kind !== "unix" || source.path === "") return undefined;
  const block = Buffer.alloc(216);
  block.write(source.path, 0, 108);
  block.write(destination.path, 108, 108);
  return { code: 0x31, block };
}

function bad(reason: string): Parsed<ProxyHeader> {
  return { kind: "bad", reason };
}
