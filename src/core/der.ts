/** What is read is no DER (X.690), or not the structure that it should be. Its message never quotes what was read. */
export class DerError extends Error {
  override readonly name = "DerError";
}

/** One tag with its contents; what it refers to is not copied. */
export interface DerElement {
  /** The identifier octet as it is: class, constructed bit and number. */
  readonly tag: number;
  /** Tag, length and contents. */
  readonly whole: Buffer;
  readonly contents: Buffer;
}

/** Identifier octets. */
export const derTags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** `[number] IMPLICIT` around bytes. */
export const context = (number: number): number => 0x80 | number;
/** `[number] EXPLICIT`, or `[number] IMPLICIT` around elements. */
export const contextOf = (number: number): number => 0xa0 | number;

/** A length has at most this many octets: 4 GiB. */
const mostLengthOctets = 4;
/** No identifier that is in use comes near. */
const longestOid = 64;

/**
 * Reads elements that stand one behind the other, strictly: definite lengths in their shortest form, single-octet tags.
 * Nothing is read deeper than asked for, so nesting cannot exhaust the stack.
 */
export class DerReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  /**
   * The next element, which must have this tag if one is given.
   *
   * @throws DerError
   */
  next(tag?: number): DerElement {
    const bytes = this.#bytes;
    const start = this.#at;
    const found = bytes[start];
    if (found === undefined) throw new DerError("the DER ends where an element should be");
    if (tag !== undefined && found !== tag)
      throw new DerError(`the DER has tag ${hex(found)} where ${hex(tag)} should be`);
    if ((found & 0x1f) === 0x1f) throw new DerError("the DER has a tag of several octets");
    const { length, at } = readLength(bytes, start + 1);
    const end = at + length;
    if (end > bytes.length) throw new DerError("a DER element is longer than what holds it");
    this.#at = end;
    return { tag: found, whole: bytes.subarray(start, end), contents: bytes.subarray(at, end) };
  }

  /**
   * The next element if it has this tag; undefined, and nothing is read, otherwise.
   *
   * @throws DerError
   */
  optional(tag: number): DerElement | undefined {
    return this.#bytes[this.#at] === tag ? this.next(tag) : undefined;
  }

  /**
   * A reader of what is in the next element.
   *
   * @throws DerError
   */
  enter(tag: number): DerReader {
    return new DerReader(this.next(tag).contents);
  }

  /** @throws DerError when anything is left */
  end(): void {
    if (!this.done) throw new DerError("the DER goes on where it should end");
  }
}

/**
 * Reads a single element that fills the bytes.
 *
 * @throws DerError
 */
export function readDer(bytes: Buffer, tag?: number): DerElement {
  const reader = new DerReader(bytes);
  const element = reader.next(tag);
  reader.end();
  return element;
}

/**
 * What is in an element, one element after the other.
 *
 * @throws DerError
 */
export function derChildren({ contents }: Pick<DerElement, "contents">): DerElement[] {
  const reader = new DerReader(contents);
  const children: DerElement[] = [];
  while (!reader.done) children.push(reader.next());
  return children;
}

/**
 * An OBJECT IDENTIFIER's contents in dotted form.
 *
 * @throws DerError
 */
export function derOid({ contents }: DerElement): string {
  if (contents.length === 0 || contents.length > longestOid)
    throw new DerError("the DER has a bad identifier");
  const numbers: bigint[] = [];
  let number = 0n;
  let isFirst = true;
  for (const octet of contents) {
    if (isFirst && octet === 0x80)
      throw new DerError("the DER has an identifier that is not in its shortest form");
    number = (number << 7n) | BigInt(octet & 0x7f);
    isFirst = octet < 0x80;
    if (!isFirst) continue;
    numbers.push(number);
    number = 0n;
  }
  if (!isFirst) throw new DerError("the DER has an identifier that does not end");
  const [first = 0n, ...rest] = numbers;
  const root = first < 80n ? first / 40n : 2n;
  return [root, first - root * 40n, ...rest].join(".");
}

/**
 * An INTEGER's or ENUMERATED's contents, checked to be in their shortest form: big-endian two's complement.
 *
 * @throws DerError
 */
export function derInteger({ contents }: DerElement): Buffer {
  const [first, second = 0] = contents;
  if (first === undefined) throw new DerError("the DER has an integer without octets");
  const isPadded = contents.length > 1 && first === (second < 0x80 ? 0x00 : 0xff);
  if (isPadded) throw new DerError("the DER has an integer that is not in its shortest form");
  return contents;
}

/**
 * An INTEGER or ENUMERATED from 0 to 2³¹ - 1.
 *
 * @throws DerError
 */
export function derSmallInteger(element: DerElement): number {
  const octets = derInteger(element);
  if (octets.length > 4 || (octets[0] ?? 0) >= 0x80)
    throw new DerError("the DER has a number out of its range");
  return octets.readUIntBE(0, octets.length);
}

/** @throws DerError */
export function derBoolean({ contents }: DerElement): boolean {
  const [octet] = contents;
  if (contents.length !== 1 || (octet !== 0x00 && octet !== 0xff))
    throw new DerError("the DER has a bad boolean");
  return octet === 0xff;
}

/**
 * A BIT STRING of whole octets, such as a signature or a key.
 *
 * @throws DerError
 */
export function derOctetBits({ contents }: DerElement): Buffer {
  if (contents[0] !== 0) throw new DerError("the DER has a bit string that is not of whole octets");
  return contents.subarray(1);
}

/**
 * A named bit list: whether the bit of this number is set.
 *
 * @throws DerError
 */
export function derNamedBits({ contents }: DerElement): (number: number) => boolean {
  const [unused = 8] = contents;
  const octets = contents.subarray(1);
  const last = octets.at(-1) ?? 0;
  if (unused > 7 || (octets.length === 0 && unused > 0) || (last & ((1 << unused) - 1)) !== 0)
    throw new DerError("the DER has a bad bit string");
  return (number) => ((octets[number >> 3] ?? 0) & (0x80 >> (number & 7))) !== 0;
}

function readLength(bytes: Buffer, at: number): { readonly length: number; readonly at: number } {
  const first = bytes[at];
  if (first === undefined) throw new DerError("the DER ends within an element");
  if (first < 0x80) return { length: first, at: at + 1 };
  const octets = first & 0x7f;
  if (octets === 0) throw new DerError("a DER element has an indefinite length");
  if (octets > mostLengthOctets) throw new DerError("a DER element has a length that is out of bounds");
  if (at + octets >= bytes.length) throw new DerError("the DER ends within an element");
  const length = bytes.readUIntBE(at + 1, octets);
  if (length < 0x80 || length < 2 ** (8 * (octets - 1)))
    throw new DerError("a DER element has a length that is not in its shortest form");
  return { length, at: at + 1 + octets };
}

const hex = (tag: number): string => `0x${tag.toString(16).padStart(2, "0")}`;
