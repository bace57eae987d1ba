import { createHash, timingSafeEqual } from "node:crypto";
import { open } from "node:fs/promises";
import type { Role } from "./role.ts";

export interface TokenSource {
  readonly name: string;
  readonly file: string;
  readonly role: Role;
}

/** Whoever has shown a token. */
export interface TokenBearer {
  readonly name: string;
  readonly role: Role;
}

export interface Tokens {
  /** Takes the same time whatever is wrong with it. */
  bearerOf(token: string): TokenBearer | undefined;
}

/** A token's file cannot be used; the message names it, says why and what to do, and holds nothing of the token. */
export class TokenError extends Error {
  override readonly name = "TokenError";
}

/** A longer file is no token. */
const longest = 1024;
const remedy = "write one with: openssl rand -base64 32";

/** @throws TokenError */
export async function readTokens(sources: readonly TokenSource[]): Promise<Tokens> {
  const known: { bearer: TokenBearer; digest: Buffer }[] = [];
  for (const source of sources) {
    const digest = digestOf(await readToken(source.file));
    const twin = known.find((one) => one.digest.equals(digest));
    if (twin)
      throw new TokenError(`${source.file} holds the same token as that of ${twin.bearer.name}; ${remedy}`);
    known.push({ bearer: { name: source.name, role: source.role }, digest });
  }
  return {
    bearerOf: (token) => {
      const digest = digestOf(token);
      // every one is compared, so that the time tells nothing
      const found = known.filter((one) => timingSafeEqual(one.digest, digest));
      return found[0]?.bearer;
    },
  };
}

/** Hashes have one length, which `timingSafeEqual` wants. */
function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

async function readToken(file: string): Promise<string> {
  let text: string;
  try {
    await using handle = await open(file, "r");
    const status = await handle.stat();
    if (!status.isFile()) throw new TokenError(`${file} is not a file`);
    if ((status.mode & 0o077) !== 0)
      throw new TokenError(`${file} can be read by others; say chmod 600 ${file}`);
    if (status.size > longest)
      throw new TokenError(`${file} is longer than ${longest} bytes, which no token is; ${remedy}`);
    text = (await handle.readFile("utf8")).trim();
  } catch (error) {
    if (error instanceof TokenError) throw error;
    const code = error instanceof Error && "code" in error ? error.code : error;
    throw new TokenError(code === "ENOENT" ? `there is no file ${file}` : `${file} cannot be read: ${code}`);
  }
  const problem = problemWith(text);
  if (problem !== undefined) throw new TokenError(`the token in ${file} ${problem}; ${remedy}`);
  return text;
}

/** 128 bits are 32 hexadecimal digits, or 22 characters of base64. */
function problemWith(token: string): string | undefined {
  if (token === "") return "is empty";
  // RFC 6750 section 2.1
  if (!/^[A-Za-z0-9._~+/-]+=*$/.test(token)) return "has characters that no header can carry";
  const isHex = /^[0-9a-f]+$/i.test(token);
  if (token.length < (isHex ? 32 : 22) || new Set(token).size < 8)
    return "is too easy to guess; it needs 128 random bits";
  return undefined;
}
