import { isIPv4, isIPv6 } from "node:net";

/**
 * An IP address in network order: 4 bytes, or 16. An IPv4-mapped address (`::ffff:a.b.c.d`) is how a dual-stack socket
 * shows an IPv4 one, so it gives 4. A zone (`%eth0`) is left out. Undefined for what is no address.
 */
export function ipBytes(host: string): Uint8Array | undefined {
  if (isIPv4(host)) return Uint8Array.from(host.split("."), Number);
  if (!isIPv6(host)) return undefined;
  return unmapped(ipv6Bytes(host));
}

/** The IPv4 address inside an IPv4-mapped one; any other as it is. */
export function unmapped(bytes: Uint8Array): Uint8Array {
  return bytes.length === 16 && isMapped(bytes) ? bytes.subarray(12) : bytes;
}

/** The shortest text of an address: the opposite of `ipBytes`, RFC 5952 for IPv6. */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, index) => groupAt(bytes, index));
  const run = longestZeroRun(groups);
  const hexadecimal = (part: readonly number[]) => part.map((group) => group.toString(16)).join(":");
  if (run.length < 2) return hexadecimal(groups);
  return `${hexadecimal(groups.slice(0, run.start))}::${hexadecimal(groups.slice(run.start + run.length))}`;
}

/**
 * The IPv4 address that an IPv6 one leads to or claims to come from: IPv4-compatible (RFC 4291 section 2.5.5.1), NAT64
 * (RFC 6052), 6to4 (RFC 3056), Teredo (RFC 4380). Undefined for all others.
 */
export function embeddedIpv4(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length !== 16) return undefined;
  const words = [0, 4, 8].map((offset) => wordAt(bytes, offset));
  const [first, second, third] = words;
  if (first === 0x0064_ff9b && second === 0 && third === 0) return bytes.subarray(12);
  if (groupAt(bytes, 0) === 0x2002) return bytes.subarray(2, 6);
  if (first === 0x2001_0000) return bytes.subarray(12).map((byte) => byte ^ 0xff);
  // :: and ::1 are addresses of their own
  if (first === 0 && second === 0 && third === 0 && wordAt(bytes, 12) > 1) return bytes.subarray(12);
  return undefined;
}

/** `host` has been found to be valid by Node. */
function ipv6Bytes(host: string): Uint8Array {
  const [address = ""] = host.split("%");
  const [head = "", tail] = address.split("::");
  const front = groupsOf(head);
  const back = tail === undefined ? [] : groupsOf(tail);
  const bytes = new Uint8Array(16);
  const write = (groups: readonly number[], at: number) => {
    for (const [index, group] of groups.entries()) {
      bytes[at + 2 * index] = group >> 8;
      bytes[at + 2 * index + 1] = group & 0xff;
    }
  };
  write(front, 0);
  write(back, 16 - 2 * back.length);
  return bytes;
}

function groupsOf(text: string): readonly number[] {
  if (text === "") return [];
  return text.split(":").flatMap((part) => {
    if (!part.includes(".")) return [Number.parseInt(part, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = part.split(".").map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

function isMapped(bytes: Uint8Array): boolean {
  return wordAt(bytes, 0) === 0 && wordAt(bytes, 4) === 0 && wordAt(bytes, 8) === 0xffff;
}

function wordAt(bytes: Uint8Array, offset: number): number {
  return groupAt(bytes, offset / 2) * 0x1_0000 + groupAt(bytes, offset / 2 + 1);
}

function groupAt(bytes: Uint8Array, index: number): number {
  return ((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0);
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > longest.length) longest = { start, length };
  }
  return longest;
}
