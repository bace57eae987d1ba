import type { Range, Source } from "./source.ts";

/** A place as people count: from 1, columns in characters. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Columns of the source line that a frame shows at most. */
const widest = 100;
const wide =
  /^[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]$/u;
const joining = /^[\p{Mn}\p{Me}\p{Cf}]$/u;

export function positionOf(source: Source, offset: number): Position {
  const line = lineOf(source, offset);
  const start = lineStarts(source)[line - 1] ?? 0;
  return { line, column: charactersBetween(source.text, start, offset) + 1 };
}

/** The line that holds the start of the range, and under it carets as far as the range goes in that line. */
export function codeFrame(source: Source, range: Range): string {
  const number = lineOf(source, range.start);
  // of a line as long as a file only the surroundings are looked at
  const lineStart = Math.max(lineStarts(source)[number - 1] ?? 0, range.start - 4 * widest);
  const lineEnd = Math.min(lineStarts(source)[number] ?? source.text.length, range.start + 4 * widest);
  const line = hideSecrets(source, lineStart, lineEnd).replace(/\r?\n?$/, "");

  const before = [...line.slice(0, range.start - lineStart)];
  const after = [...line.slice(range.start - lineStart)];
  const marked = [...line.slice(range.start - lineStart, Math.max(range.end - lineStart, 0))];
  const trimmed = marked.join("").trimEnd();

  // a long line is cut on both sides, so that the place stays in sight
  const cutBefore = Math.max(0, before.length - widest / 2);
  const head = (cutBefore > 0 ? "…" : "") + before.slice(cutBefore).join("");
  const room = Math.max(widest - [...head].length, 1);
  const tail = after.slice(0, room).join("") + (after.length > room ? "…" : "");
  const carets = "^".repeat(Math.max(1, Math.min(columns(trimmed), columns(tail))));

  const margin = String(number).replace(/./g, " ");
  return `  ${number} | ${printable(head + tail)}\n  ${margin} | ${" ".repeat(columns(head))}${carets}`;
}

/** Terminals obey control characters, so none is passed on; a tab becomes one space to keep the carets in place. */
export function printable(text: string): string {
  return text.replace(/\t/g, " ").replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, "\ufffd");
}

const knownLineStarts = new WeakMap<Source, readonly number[]>();

/** Kept per source: a file may hold thousands of errors. */
function lineStarts(source: Source): readonly number[] {
  let starts = knownLineStarts.get(source);
  if (starts === undefined) {
    starts = [0, ...Array.from(source.text.matchAll(/\n/g), ({ index }) => index + 1)];
    knownLineStarts.set(source, starts);
  }
  return starts;
}

/** From 1; the last line that starts at or before the offset. */
function lineOf(source: Source, offset: number): number {
  const starts = lineStarts(source);
  let low = 0;
  let high = starts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return low + 1;
}

/** A surrogate pair is one character. */
function charactersBetween(text: string, start: number, end: number): number {
  let count = end - start;
  for (let index = start; index < end; index++) if ((text.charCodeAt(index) & 0xfc00) === 0xdc00) count--;
  return count;
}

function columns(text: string): number {
  let total = 0;
  for (const character of text) if (!joining.test(character)) total += wide.test(character) ? 2 : 1;
  return total;
}

function hideSecrets(source: Source, lineStart: number, lineEnd: number): string {
  let line = source.text.slice(lineStart, lineEnd);
  for (const secret of source.secrets) {
    const start = Math.max(secret.start - lineStart, 0);
    const end = Math.min(secret.end, lineEnd) - lineStart;
    if (end > start && start < line.length)
      line = line.slice(0, start) + "*".repeat(end - start) + line.slice(end);
  }
  return line;
}
