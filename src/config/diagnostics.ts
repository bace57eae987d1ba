import { codeFrame, positionOf, printable } from "./frame.ts";
import { type Fault, formatPath, type Source } from "./source.ts";

/** One error, with all that is needed to find it. */
export interface Diagnostic {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in characters. */
  readonly column: number;
  /** `tunnels.web.frontend.listen`; empty for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** The source line, and a line of carets. */
  readonly frame: string;
}

/** The configuration cannot be used. The message is every error, as the user should see them. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    const count = diagnostics.length === 1 ? "1 error" : `${diagnostics.length} errors`;
    super([...diagnostics.map(formatDiagnostic), count].join("\n"));
    this.diagnostics = diagnostics;
  }
}

/** The configuration file itself is missing or cannot be read. */
export class InputError extends Error {
  override readonly name = "InputError";
}

/** `file:line:column: path: message`, then the line of the file and the carets. */
export function formatDiagnostic({ file, line, column, path, message, frame }: Diagnostic): string {
  const place = path === "" ? "" : `${path}: `;
  return `${file}:${line}:${column}: ${place}${message}${frame === "" ? "" : `\n${frame}`}`;
}

/** Of one source. Nobody reads more, and making each of them costs time. */
const most = 1000;

/** Gives the faults of one source their place in its text, in the order of the text, each one once. */
export function diagnose(source: Source, faults: readonly Fault[]): Diagnostic[] {
  const located = faults.map(({ path, part, range, message }) => ({
    message,
    ...(range ? { path, range } : source.locate(path, part)),
  }));
  const sorted = located.toSorted((a, b) => a.range.start - b.range.start);
  const seen = new Set<string>();
  const distinct = sorted.filter(({ range, path, message }) => {
    const identity = JSON.stringify([range.start, path, message]);
    return !seen.has(identity) && seen.add(identity);
  });
  const diagnostics = distinct.slice(0, most).map(
    ({ path, range, message }): Diagnostic => ({
      file: source.file,
      ...positionOf(source, range.start),
      path: printable(formatPath(path)),
      message: printable(message),
      frame: source.text === "" ? "" : codeFrame(source, range),
    }),
  );
  const [left] = distinct.slice(most);
  if (left)
    diagnostics.push({
      file: source.file,
      ...positionOf(source, left.range.start),
      path: "",
      message: `from here on ${distinct.length - most} more errors, which are not shown`,
      frame: "",
    });
  return diagnostics;
}
