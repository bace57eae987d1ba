import forge from "node-forge";

const { asn1 } = forge;

/** One node of a DER structure that is about to be written. */
export type Der = forge.asn1.Asn1;

/** forge takes bytes as a "binary string", one char code per byte. */
const binary = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

const universal = (type: forge.asn1.Type, value: string): Der =>
  asn1.create(asn1.Class.UNIVERSAL, type, false, value);

/** Undefined children are left out: an OPTIONAL field that is absent. */
export function sequence(...children: readonly (Der | undefined)[]): Der {
  return asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, present(children));
}

export function set(...children: readonly Der[]): Der {
  return asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SET, true, [...children]);
}

/** `[tag] EXPLICIT`, or a constructed `[tag] IMPLICIT` around its children. */
export function tagged(tag: number, ...children: readonly (Der | undefined)[]): Der {
  return asn1.create(asn1.Class.CONTEXT_SPECIFIC, tag, true, present(children));
}

/** A primitive `[tag] IMPLICIT` value. */
export function taggedBytes(tag: number, value: Uint8Array): Der {
  return asn1.create(asn1.Class.CONTEXT_SPECIFIC, tag, false, binary(value));
}

/** A non-negative number, or the big-endian two's complement bytes of a larger one. */
export function integer(value: number | Uint8Array): Der {
  const bytes = typeof value === "number" ? asn1.integerToDer(value).getBytes() : binary(value);
  return universal(asn1.Type.INTEGER, bytes);
}

export function enumerated(value: number): Der {
  return universal(asn1.Type.ENUMERATED, asn1.integerToDer(value).getBytes());
}

export function truth(): Der {
  return universal(asn1.Type.BOOLEAN, "\xff");
}

export function nothing(): Der {
  return universal(asn1.Type.NULL, "");
}

export function oid(dotted: string): Der {
  return universal(asn1.Type.OID, asn1.oidToDer(dotted).getBytes());
}

export function octets(bytes: Uint8Array): Der {
  return universal(asn1.Type.OCTETSTRING, binary(bytes));
}

/** A BIT STRING of whole octets. */
export function bits(bytes: Uint8Array): Der {
  return universal(asn1.Type.BITSTRING, `\0${binary(bytes)}`);
}

/** A named bit list: DER wants the trailing zero bits removed (X.690, 11.2.2). */
export function namedBits(positions: readonly number[]): Der {
  const last = Math.max(...positions);
  const bytes = Buffer.alloc(Math.floor(last / 8) + 1);
  for (const position of positions) {
    const index = Math.floor(position / 8);
    bytes.writeUInt8(bytes.readUInt8(index) | (0x80 >> (position % 8)), index);
  }
  return universal(asn1.Type.BITSTRING, String.fromCharCode(7 - (last % 8)) + binary(bytes));
}

export function utf8(text: string): Der {
  return universal(asn1.Type.UTF8, binary(Buffer.from(text, "utf8")));
}

/** UTF-16 big-endian; forge widens the characters itself. */
export function bmp(text: string): Der {
  return universal(asn1.Type.BMPSTRING, text);
}

/** UTCTime until 2049, GeneralizedTime from 2050 on (RFC 5280, 4.1.2.5). */
export function time(date: Date): Der {
  return date.getUTCFullYear() < 2050
    ? universal(asn1.Type.UTCTIME, asn1.dateToUtcTime(date))
    : generalizedTime(date);
}

export function generalizedTime(date: Date): Der {
  return universal(asn1.Type.GENERALIZEDTIME, asn1.dateToGeneralizedTime(date));
}

/** forge sets this bit only on a node with children; here the contents are bytes. */
const constructedSequence: number = asn1.Type.SEQUENCE | 0x20;

/** A SEQUENCE that is encoded already (a public key, an issuer's name): its bytes go in unchanged. */
export function encodedSequence(der: Uint8Array): Der {
  if (der[0] !== constructedSequence) throw new TypeError("not a DER SEQUENCE");
  const length = der[1] ?? 0;
  const lengthOctets = length < 0x80 ? 0 : length & 0x7f;
  return universal(constructedSequence, binary(der.subarray(2 + lengthOctets)));
}

export function encode(node: Der): Buffer {
  return Buffer.from(asn1.toDer(node).getBytes(), "latin1");
}

function present(children: readonly (Der | undefined)[]): Der[] {
  return children.filter((child) => child !== undefined);
}
