import { styleText } from "node:util";
import { printable } from "../telemetry/printable.ts";

export type Style = Parameters<typeof styleText>[0];

export interface Column<Row> {
  readonly title: string;
  /** Numbers stand below each other. */
  readonly align?: "right";
  /** It may be cut where the terminal is too narrow, but not below this many characters. */
  readonly atLeast?: number;
  /** Left out where it is empty in every row. */
  readonly optional?: boolean;
  text(row: Row): string;
  /** Its colour, on a terminal that has any. */
  style?(row: Row): Style | undefined;
}

export interface TableOptions {
  /** Of the terminal, in characters. Default: that of standard output; a pipe has no end. */
  readonly width?: number;
}

/** Rows below a line of titles, aligned; each line ends with a line's end. Strangers' characters are made harmless. */
export function table<Row>(
  rows: readonly Row[],
  all: readonly Column<Row>[],
  { width = process.stdout.columns ?? Number.POSITIVE_INFINITY }: TableOptions = {},
): string {
  const columns = all.filter(({ optional, text }) => !optional || rows.some((row) => text(row) !== ""));
  const cells = rows.map((row) => columns.map((column) => printable(column.text(row))));
  const widths = fit(
    columns.map(({ title }, index) =>
      Math.max(title.length, ...cells.map((line) => lengthOf(line[index] ?? ""))),
    ),
    columns,
    width,
  );
  const titles = columns.map((column, index) =>
    styleText("bold", place(column.title, { column, width: widths[index] ?? 0 })),
  );
  const lines = rows.map((row, at) =>
    columns.map((column, index) => {
      const text = place(cells[at]?.[index] ?? "", { column, width: widths[index] ?? 0 });
      const style = column.style?.(row);
      return style === undefined ? text : styleText(style, text);
    }),
  );
  return [titles, ...lines].map((line) => `${line.join(gap).trimEnd()}\n`).join("");
}

const gap = "  ";

/** Facts below each other, their names in a column of their own. What is undefined is left out. */
export function facts(entries: Readonly<Record<string, string | undefined>>): string {
  const known = Object.entries(entries).flatMap(([name, text]) =>
    text === undefined ? [] : [{ name, text }],
  );
  const width = Math.max(...known.map(({ name }) => name.length));
  return known.map(({ name, text }) => `${styleText("bold", name.padEnd(width))}${gap}${text}\n`).join("");
}

/** Takes what is too much from the columns that can spare it, from the last one first. */
function fit<Row>(
  wanted: readonly number[],
  columns: readonly Column<Row>[],
  width: number,
): readonly number[] {
  let excess = wanted.reduce((sum, each) => sum + each + gap.length, -gap.length) - width;
  return wanted
    .toReversed()
    .map((each, fromEnd) => {
      const { atLeast = each } = columns[columns.length - 1 - fromEnd] ?? {};
      const taken = Math.min(Math.max(0, excess), Math.max(0, each - atLeast));
      excess -= taken;
      return each - taken;
    })
    .toReversed();
}

function place<Row>(text: string, { column, width }: { column: Column<Row>; width: number }): string {
  const length = lengthOf(text);
  if (length > width) return `${[...text].slice(0, Math.max(0, width - 1)).join("")}…`;
  const space = " ".repeat(width - length);
  return column.align === "right" ? space + text : text + space;
}

function lengthOf(text: string): number {
  return [...text].length;
}
