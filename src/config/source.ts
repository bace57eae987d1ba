/** A place in the data of a file: keys and list positions. */
export type Path = readonly (string | number)[];

/** Offsets in the text, in UTF-16 units; `end` is the first one behind. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** What was found for a path: as much of it as there is. */
export interface Place {
  readonly path: Path;
  readonly range: Range;
}

/** A text that configuration was read from: a file, or the arguments of the command line. */
export interface Source {
  /** As it is shown to the user. */
  readonly file: string;
  readonly text: string;
  /** What a code frame must not show. */
  readonly secrets: readonly Range[];
  /** Where the value (or its key) stands; what is not there, where its nearest parent stands. */
  locate(path: Path, part?: "key" | "value"): Place;
}

/** Something wrong at a place of a source. */
export interface Fault {
  readonly path: Path;
  readonly message: string;
  /** `key` when the key itself is at fault; `value` by default. */
  readonly part?: "key" | "value";
  /** Where the path alone does not say it. */
  readonly range?: Range;
}

/** What was read from one source, before any schema has seen it. */
export interface Reading {
  readonly source: Source;
  /** Plain data; undefined when the faults leave nothing to look at. */
  readonly data: unknown;
  /** The same as it was written: with `${NAME}` where the environment has filled in. Undefined where nothing was. */
  readonly written?: unknown;
  readonly faults: readonly Fault[];
}

/** `tunnels.web.frontend.listen[0]` */
export function formatPath(path: Path): string {
  let text = "";
  for (const key of path) {
    if (typeof key === "number") text += `[${key}]`;
    else text += (text === "" ? "" : ".") + (/^[^\s."'[\]]+$/.test(key) ? key : JSON.stringify(key));
  }
  return text;
}

/** Ranges by path, for sources whose reader meets every place once. */
export class Places {
  readonly #ranges = new Map<string, { readonly key?: Range; readonly value: Range }>();

  add(path: Path, ranges: { readonly key?: Range; readonly value: Range }): void {
    this.#ranges.set(JSON.stringify(path), ranges);
  }

  locate(path: Path, part: "key" | "value" = "value"): Place {
    const ranges = this.#ranges.get(JSON.stringify(path));
    if (ranges === undefined)
      return path.length === 0 ? { path, range: { start: 0, end: 0 } } : this.locate(path.slice(0, -1), part);
    const isEmpty = ranges.value.start === ranges.value.end;
    return { path, range: (part === "key" || isEmpty ? ranges.key : undefined) ?? ranges.value };
  }
}

/** What stands at a path, or undefined. Looks at own properties only. */
export function valueAt(data: unknown, path: Path): unknown {
  let value = data;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string | number, unknown>)[key];
  }
  return value;
}
