import { globSync, statSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import type { Fault, Path } from "./source.ts";

/** More files than anyone keeps tunnels in; a pattern such as /** goes wrong sooner than the machine does. */
const mostFiles = 1000;

export interface Includes {
  /** As they are shown: relative to where the including file was named, in the order of their names for each pattern. */
  readonly files: readonly { readonly shown: string; readonly path: Path }[];
  readonly faults: readonly Fault[];
}

/** Finds the files that `include:` names. A pattern may match none; a plain name must exist. */
export function findIncludes(file: string, patterns: unknown): Includes {
  const files = new Map<string, { shown: string; path: Path }>();
  const faults: Fault[] = [];
  const folder = dirname(file);
  if (!Array.isArray(patterns)) return { files: [], faults };
  for (const [index, pattern] of patterns.entries()) {
    if (typeof pattern !== "string" || pattern === "" || pattern.includes("\0")) continue;
    const isPattern = /[*?[{]/.test(pattern);
    const found = isPattern ? globSync(pattern, { cwd: folder }).toSorted() : [pattern];
    for (const match of found) {
      const shown = isAbsolute(match) ? match : join(folder, match);
      const identity = resolve(shown);
      const stat = statSync(shown, { throwIfNoEntry: false });
      const path = ["include", index];
      if (!isPattern && !stat) faults.push({ path, message: `there is no file ${shown}` });
      else if (!isPattern && !stat?.isFile())
        faults.push({ path, message: `${shown} is not a file; write ${pattern}/*.yaml` });
      else if (!isPattern && identity === resolve(file))
        faults.push({ path, message: "a file cannot include itself" });
      else if (stat?.isFile() && identity !== resolve(file)) files.set(identity, { shown, path });
    }
  }
  if (files.size > mostFiles)
    faults.push({ path: ["include"], message: `${files.size} files; ${mostFiles} can be included at most` });
  return { files: [...files.values()].slice(0, mostFiles), faults };
}
