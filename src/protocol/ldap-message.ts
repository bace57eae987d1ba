import type { Parsed } from "../core/parsed.ts";

/** An LDAPMessage (RFC 4511 section 4.1.1) as far as a StartTLS dialogue wants to know it. */
export interface LdapMessage {
  readonly id: number;
  /** The BER tag of the operation. */
  readonly operation: number;
  readonly contents: Buffer;
}

export const ldapTags = { bind: 0x60, unbind: 0x42, search: 0x63, extended: 0x77 } as const;
/** The tag of the answer to each request that has one. */
const answers: ReadonlyMap<number, number> = new Map([
  [ldapTags.bind, 0x61],
  [ldapTags.search, 0x65],
  [0x66, 0x67],
  [0x68, 0x69],
  [0x4a, 0x6b],
  [0x6c, 0x6d],
  [0x6e, 0x6f],
  [ldapTags.extended, 0x78],
]);
const extendedResponse = 0x78;
/** RFC 4511 section 4.14. */
const startTls = "1.3.6.1.4.1.1466.20037";
const longest = 16 * 1024;

export function parseLdapMessage(bytes: Buffer): Parsed<LdapMessage> {
  if (bytes.length > 0 && bytes[0] !== 0x30) return { kind: "bad", reason: "no LDAP message" };
  const whole = parseElement(bytes, 0);
  if (whole.kind !== "value") return whole;
  const { contents, end } = whole.value;
  const id = elementIn(contents, 0);
  if (id?.tag !== 0x02 || id.contents.length < 1 || id.contents.length > 4)
    return { kind: "bad", reason: "an LDAP message without an id" };
  const operation = elementIn(contents, id.end);
  if (!operation) return { kind: "bad", reason: "an LDAP message without an operation" };
  return {
    kind: "value",
    value: {
      id: id.contents.readIntBE(0, id.contents.length),
      operation: operation.tag,
      contents: operation.contents,
    },
    length: end,
  };
}

export function isStartTls({ operation, contents }: LdapMessage): boolean {
  if (operation !== ldapTags.extended) return false;
  const name = elementIn(contents, 0);
  return name?.tag === 0x80 && name.contents.toString("latin1") === startTls;
}

/** The resultCode of a StartTLS response; undefined if it is none. */
export function startTlsResult({ operation, contents }: LdapMessage): number | undefined {
  if (operation !== extendedResponse) return undefined;
  const code = elementIn(contents, 0);
  return code?.tag === 0x0a && code.contents.length === 1 ? code.contents[0] : undefined;
}

export function startTlsRequest(id: number): Buffer {
  return message(id, element(ldapTags.extended, element(0x80, Buffer.from(startTls))));
}

/** The answer to a request, with a resultCode; undefined where no answer is expected. */
export function ldapAnswer(
  { id, operation }: Pick<LdapMessage, "id" | "operation">,
  { code, text }: { readonly code: number; readonly text: string },
): Buffer | undefined {
  const tag = answers.get(operation);
  if (tag === undefined) return undefined;
  const result = [
    element(0x0a, Buffer.from([code])),
    element(0x04, Buffer.alloc(0)),
    element(0x04, Buffer.from(text)),
  ];
  const name = tag === extendedResponse ? [element(0x8a, Buffer.from(startTls))] : [];
  return message(id, element(tag, Buffer.concat([...result, ...name])));
}

interface Element {
  readonly tag: number;
  readonly contents: Buffer;
  readonly end: number;
}

function elementIn(bytes: Buffer, offset: number): Element | undefined {
  const parsed = parseElement(bytes, offset);
  return parsed.kind === "value" ? parsed.value : undefined;
}

/** Definite lengths only (RFC 4511 section 5.1), of at most four bytes. */
function parseElement(bytes: Buffer, offset: number): Parsed<Element> {
  const [tag, first] = [bytes[offset], bytes[offset + 1]];
  if (tag === undefined || first === undefined) return { kind: "more", atLeast: offset + 2 };
  let start = offset + 2;
  let length = first;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count < 1 || count > 4)
      return { kind: "bad", reason: "a BER length of a kind that LDAP does not have" };
    if (bytes.length < start + count) return { kind: "more", atLeast: start + count };
    length = bytes.readUIntBE(start, count);
    start += count;
  }
  if (length > longest) return { kind: "bad", reason: `an LDAP message of more than ${longest} bytes` };
  const end = start + length;
  if (bytes.length < end) return { kind: "more", atLeast: end };
  return { kind: "value", value: { tag, contents: bytes.subarray(start, end), end }, length: end };
}

function message(id: number, operation: Buffer): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(id);
  // the shortest form, which BER asks for
  let from = 0;
  while (from < 3 && bytes[from] === 0 && (bytes[from + 1] ?? 0) < 0x80) from++;
  return element(0x30, Buffer.concat([element(0x02, bytes.subarray(from)), operation]));
}

function element(tag: number, contents: Buffer): Buffer {
  const { length } = contents;
  const head =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), contents]);
}
