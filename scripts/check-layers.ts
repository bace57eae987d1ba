// Checks what Biome cannot: the direction of imports in src and the house rules about files.
//
//   node scripts/check-layers.ts [directory that has src/]
import { globSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { basename, dirname, join, normalize, resolve } from "node:path";

// a file imports from its own folder or from an earlier group, never from a sibling or to the right
const GROUPS: readonly (readonly string[])[] = [
  ["core"],
  ["net", "telemetry"],
  ["protocol"],
  ["tls"],
  ["frontend", "backend", "pki", "admin"],
  ["handler", "datagram", "reverse"],
  ["config"],
  ["app"],
  ["cli"],
];
// above all groups; they may not be imported
const ROOT_FILES: readonly string[] = ["index.ts", "cli.ts"];
const MAX_LINES = 250;
// names that say nothing: a function lives where its noun lives
const EMPTY_NAME = /^_?(utils?|helpers?|common|shared|types)$/;

// Biome formats the source, so a statement starts its line and strings have double quotes
const STATEMENT =
  /^[ \t]*(?:import(?:\s[^"';]*?\sfrom)?|export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s+from)\s*"([^"]+)"/gm;
const DYNAMIC = /\b(?:import|require)\(\s*"([^"]+)"/g;

interface Import {
  readonly from: string;
  readonly line: number;
}

interface Fault {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

const root = resolve(process.argv[2] ?? join(import.meta.dirname, ".."));
const sources = globSync("src/**/*.ts", { cwd: root }).toSorted();
const faults = sources.flatMap((file) => faultsIn(file, readFileSync(join(root, file), "utf8")));
for (const { file, line, message } of faults) console.error(`${file}:${line}: ${message}`);
if (faults.length === 0) console.log(`layers: ${sources.length} files, every import points downwards`);
else process.exitCode = 1;

/** @param file relative to the root, so it starts with src/ */
function faultsIn(file: string, text: string): Fault[] {
  const code = withoutCommentLines(text);
  return [
    ...nameFaults(file),
    ...lengthFaults(file, text),
    ...resetFaults(file, code),
    ...importsOf(code).flatMap((each) => importFaults(file, each)),
  ];
}

function nameFaults(file: string): Fault[] {
  const messages: string[] = [];
  const inside = file.slice("src/".length);
  const empty = inside.split("/").find((part) => EMPTY_NAME.test(part.replace(/\.ts$/, "")));
  if (empty !== undefined) messages.push(`"${empty}" says nothing, name the concept`);
  if (inside.includes("/")) {
    if (basename(file) === "index.ts") messages.push("index.ts belongs only at the top of src");
    const folder = folderOf(file);
    if (rankOf(folder) < 0) messages.push(`the folder ${folder} has no place in the order of layers`);
  } else if (!ROOT_FILES.includes(inside)) {
    messages.push(`only ${ROOT_FILES.join(" and ")} belong at the top of src`);
  }
  return messages.map((message) => ({ file, line: 1, message }));
}

function lengthFaults(file: string, text: string): Fault[] {
  const lines = text.replace(/\n$/, "").split("\n").length;
  return lines <= MAX_LINES
    ? []
    : [{ file, line: lines, message: `${lines} lines, split it at ${MAX_LINES}` }];
}

/** It throws on a TLS socket and on a unix socket; src/net has the one function that knows which is which. */
function resetFaults(file: string, code: string): Fault[] {
  if (folderOf(file) === "net") return [];
  return [...code.matchAll(/\.resetAndDestroy\(/g)].map((match) => ({
    file,
    line: lineAt(code, match.index),
    message: "resetAndDestroy() only inside src/net",
  }));
}

function importFaults(file: string, { from, line }: Import): Fault[] {
  const message = from.startsWith(".") ? relativeFault(file, from) : packageFault(file, from);
  return message === undefined ? [] : [{ file, line, message }];
}

function packageFault(file: string, from: string): string | undefined {
  if (isBuiltin(from) && !from.startsWith("node:")) return `write "node:${from}"`;
  // its parsers have had the advisories: only code that writes certificates may reach it
  const mayForge = folderOf(file) === "pki" || file === "src/tls/pkcs12.ts";
  if (/^node-forge(\/|$)/.test(from) && !mayForge) return "node-forge only in src/pki and src/tls/pkcs12.ts";
  return undefined;
}

function relativeFault(file: string, from: string): string | undefined {
  if (!from.endsWith(".ts")) return `"${from}" must end in .ts`;
  const target = normalize(join(dirname(file), from));
  if (!target.startsWith("src/")) return `"${from}" leaves src`;
  const isRoot = (path: string) => !path.slice("src/".length).includes("/");
  if (isRoot(target)) return isRoot(file) ? undefined : `"${from}" is above every layer`;
  if (isRoot(file)) return undefined;
  const [own, other] = [folderOf(file), folderOf(target)];
  if (own === other || rankOf(other) < rankOf(own)) return undefined;
  return `${own} must not import ${other} (${from})`;
}

/** The folder directly below src, which is the layer: src/backend/balancers/random.ts is in backend. */
function folderOf(file: string): string {
  return file.split("/")[1] ?? "";
}

function rankOf(folder: string): number {
  return GROUPS.findIndex((group) => group.includes(folder));
}

function importsOf(code: string): Import[] {
  return [STATEMENT, DYNAMIC].flatMap((pattern) =>
    [...code.matchAll(pattern)].map((match) => ({
      from: match[1] ?? "",
      // a statement may span lines; its end is where the name stands
      line: lineAt(code, match.index + match[0].length),
    })),
  );
}

/** Comment lines emptied, not removed: the numbers of the others must stay. */
function withoutCommentLines(text: string): string {
  return text.replace(/^[ \t]*(\/\/|\/?\*).*$/gm, "");
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}
