/** PROXY headers for tests, as bytes that owe nothing to our encoder. */
import fc from "fast-check";

/** `PROXY …\r\n` */
export function v1Line(text: string): Buffer {
  return Buffer.from(`${text}\r\n`, "latin1");
}

export interface V2Parts {
  readonly versionCommand?: number;
  readonly family: number;
  readonly block?: Buffer;
  readonly tlvs?: readonly Buffer[];
  /** What the header says its length is, if not the truth. */
  readonly length?: number;
}

export function v2Header({ versionCommand = 0x21, family, block, tlvs = [], length }: V2Parts): Buffer {
  const rest = Buffer.concat([block ?? Buffer.alloc(0), ...tlvs]);
  const head = Buffer.from("0d0a0d0a000d0a515549540a00000000", "hex");
  head.writeUInt8(versionCommand, 12);
  head.writeUInt8(family, 13);
  head.writeUInt16BE(length ?? rest.length, 14);
  return Buffer.concat([head, rest]);
}

export function tlv(type: number, value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([Buffer.from([type, bytes.length >> 8, bytes.length & 0xff]), bytes]);
}

/** The address block of TCP or UDP over IPv4. */
export function ipv4Block(source: string, destination: string, ports: readonly [number, number]): Buffer {
  const hosts = [source, destination].flatMap((host) => host.split(".").map(Number));
  return Buffer.from([...hosts, ...ports.flatMap((port) => [port >> 8, port & 0xff])]);
}

/** The address block of TCP or UDP over IPv6; hosts as 32 hexadecimal digits. */
export function ipv6Block(source: string, destination: string, ports: readonly [number, number]): Buffer {
  const tail = Buffer.from(ports.flatMap((port) => [port >> 8, port & 0xff]));
  return Buffer.concat([Buffer.from(source, "hex"), Buffer.from(destination, "hex"), tail]);
}

export function unixBlock(source: string, destination: string): Buffer {
  const block = Buffer.alloc(216);
  block.write(source, 0);
  block.write(destination, 108);
  return block;
}

/** Damages bytes in one of the ways that bytes get damaged. */
export function mutated(valid: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  return fc
    .tuple(
      valid,
      fc.constantFrom("flip", "cut", "insert", "repeat", "swap"),
      fc.nat(),
      fc.uint8Array({ maxLength: 8 }),
    )
    .map(([bytes, how, where, noise]) => {
      const at = where % (bytes.length + 1);
      const copy = Buffer.from(bytes);
      switch (how) {
        case "flip":
          if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ (1 << (where % 8));
          return copy;
        case "cut":
          return copy.subarray(0, at);
        case "insert":
          return Buffer.concat([copy.subarray(0, at), noise, copy.subarray(at)]);
        case "repeat":
          return Buffer.concat([copy.subarray(0, at), copy]);
        default:
          noise.forEach((byte, index) => {
            if (at + index < copy.length) copy[at + index] = byte;
          });
          return copy;
      }
    });
}

const port = fc.integer({ min: 0, max: 65535 });
const ports = fc.tuple(port, port);
const hexAddress = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString("hex"));
const opaqueTlv = fc
  .tuple(fc.constantFrom(0x04, 0xe0, 0xea, 0xf7), fc.uint8Array({ maxLength: 40 }))
  .map(([type, value]) => tlv(type, Buffer.from(value)));
const knownTlvs = fc
  .subarray([tlv(0x01, "h2"), tlv(0x02, "web.example.com"), tlv(0x05, "id-1"), tlv(0x20, Buffer.alloc(5))])
  .chain((known) => fc.tuple(fc.constant(known), fc.array(opaqueTlv, { maxLength: 3 })))
  .map(([known, opaque]) => [...known, ...opaque]);

/** Valid headers of version 1. */
export const v1Headers: fc.Arbitrary<Buffer> = fc.oneof(
  fc
    .tuple(fc.ipV4(), fc.ipV4(), ports)
    .map(([from, to, [a, b]]) => v1Line(`PROXY TCP4 ${from} ${to} ${a} ${b}`)),
  fc
    .tuple(fc.ipV6(), fc.ipV6(), ports)
    .map(([from, to, [a, b]]) => v1Line(`PROXY TCP6 ${from} ${to} ${a} ${b}`)),
  fc.constant(v1Line("PROXY UNKNOWN")),
);

/** Valid headers of version 2, over TCP or about no connection. */
export const v2Headers: fc.Arbitrary<Buffer> = fc.oneof(
  fc
    .tuple(fc.ipV4(), fc.ipV4(), ports, knownTlvs)
    .map(([from, to, both, tlvs]) => v2Header({ family: 0x11, block: ipv4Block(from, to, both), tlvs })),
  fc
    .tuple(hexAddress, hexAddress, ports, knownTlvs)
    .map(([from, to, both, tlvs]) => v2Header({ family: 0x21, block: ipv6Block(from, to, both), tlvs })),
  knownTlvs.map((tlvs) => v2Header({ versionCommand: 0x20, family: 0, tlvs })),
);
