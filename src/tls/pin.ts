/**
 * A SHA-256 digest as people write it: `sha256:` and hexadecimal digits, colons between them or not, or base64 as in curl's
 * `--pinnedpubkey` (`sha256//…`). Returns the one form that is compared; undefined when it is none.
 */
export function parsePin(text: string): string | undefined {
  const digest = /^sha-?256(?::|\/\/)(.+)$/is.exec(text)?.[1];
  if (digest === undefined) return undefined;
  const hex = digest.replaceAll(":", "").toLowerCase();
  if (/^[0-9a-f]{64}$/.test(hex)) return `sha256:${hex}`;
  if (!/^[A-Za-z0-9+/]{43}=$/.test(digest)) return undefined;
  return `sha256:${Buffer.from(digest, "base64").toString("hex")}`;
}
