import type { Parsed } from "../core/parsed.ts";

/** The head of an HTTP/1 message: its first line and what follows up to the empty line. */
export interface HttpHead {
  readonly start: string;
  readonly fields: readonly (readonly [name: string, value: string])[];
}

const limit = 16 * 1024;

/** Reads a head as RFC 9112 has it, a bare LF taken for a line's end (section 2.2). */
export function parseHttpHead(bytes: Buffer): Parsed<HttpHead> {
  const text = bytes.toString("latin1", 0, limit);
  const end = /\r?\n\r?\n/.exec(text);
  if (!end) {
    if (bytes.length >= limit) return { kind: "bad", reason: `an HTTP head of more than ${limit} bytes` };
    // what is no HTTP at all need not be waited for
    if (!/^[\x20-\x7e\t]*(\r?\n|\r?$)/.test(text)) return { kind: "bad", reason: "no HTTP" };
    return { kind: "more", atLeast: bytes.length + 1 };
  }
  const [start = "", ...lines] = text.slice(0, end.index).split(/\r?\n/);
  if (!/^[\x20-\x7e]{3,}$/.test(start)) return { kind: "bad", reason: "no HTTP" };
  const fields: (readonly [string, string])[] = [];
  for (const line of lines) {
    const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([^\0\r]*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined)
      return { kind: "bad", reason: "an HTTP header that is none" };
    fields.push([name, value.trimEnd()]);
  }
  return { kind: "value", value: { start, fields }, length: end.index + end[0].length };
}
