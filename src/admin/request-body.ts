import type { Readable } from "node:stream";
import { Refusal } from "./refusal.ts";

/** Bytes. */
const largestBody = 1024 * 1024;
/** Keys that would reach into the prototype of whatever they are copied to. */
const forbidden: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);
const deepest = 64;

/** @throws Refusal when it is too long, or no text */
export async function readText(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body.iterator({ destroyOnReturn: false })) {
    const bytes = Buffer.from(chunk);
    length += bytes.length;
    if (length > largestBody) throw new Refusal(413, "size", "a body has 1 MiB at most");
    chunks.push(bytes);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new Refusal(400, "json", "the body is not UTF-8 text");
  }
}

/**
 * Reads what a request has sent as JSON.
 *
 * @throws Refusal that says where it is wrong
 */
export function readJson(contentType: string | undefined, text: string): unknown {
  const type = (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase();
  // a form, which any web page can send, never has this type
  if (type !== "application/json" && type !== "application/merge-patch+json")
    throw new Refusal(415, "content-type", "send the body as Content-Type: application/json");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Refusal(400, "json", `the body is no JSON: ${error instanceof Error ? error.message : error}`);
  }
  checkKeys(value, []);
  return value;
}

/** @throws Refusal */
function checkKeys(value: unknown, path: readonly string[]): void {
  if (typeof value !== "object" || value === null) return;
  if (path.length >= deepest)
    throw new Refusal(400, "json", `${path.slice(0, 3).join(".")}…: nested deeper than ${deepest} levels`);
  for (const [key, inner] of Object.entries(value)) {
    if (!Array.isArray(value) && forbidden.has(key))
      throw new Refusal(400, "json", `${[...path, key].join(".")}: the key "${key}" is not allowed anywhere`);
    checkKeys(inner, [...path, key]);
  }
}
