/** The tables of docs/configuration.md, one for each block of the schema. */
import type { JsonSchema } from "../src/config/json-schema.ts";

interface Block {
  readonly path: string;
  readonly schema: JsonSchema;
}

/** Every block once, in the order in which one reads; where it comes back, the table refers to it. */
export function referenceTables(schema: JsonSchema): string {
  const blocks: Block[] = [];
  collect({ path: "", schema }, blocks);
  return blocks.map((block) => table(block, blocks)).join("\n");
}

function collect(block: Block, found: Block[]): void {
  if (found.some((other) => isSame(other.schema, block.schema))) return;
  found.push(block);
  // tunnels are what the page is about; `defaults` only repeats parts of them
  const properties = Object.entries(block.schema.properties ?? {});
  const ordered = block.path === "" ? properties.toSorted((a, b) => order(a[0]) - order(b[0])) : properties;
  for (const [key, property] of ordered)
    for (const inner of blocksIn(property, block.path === "" ? key : `${block.path}.${key}`))
      collect(inner, found);
}

function order(key: string): number {
  const first = ["tunnels", "backends", "defaults"];
  return first.includes(key) ? first.indexOf(key) : first.length;
}

/** The blocks that a value may be, also as entries of a list or under names. */
function blocksIn(schema: JsonSchema, path: string): Block[] {
  if (schema.anyOf) {
    // the longest form first: it names the places that the shorter ones leave out
    const ordered = schema.anyOf.toSorted(
      (a, b) => Number(a.items !== undefined) - Number(b.items !== undefined),
    );
    return ordered.flatMap((alternative) => blocksIn(alternative, path));
  }
  if (schema.items) return blocksIn(schema.items, `${path}[]`);
  const [entry] = Object.values(schema.patternProperties ?? {});
  if (entry) return blocksIn(entry, `${path}.NAME`);
  if (!schema.properties) return [];
  // one of several blocks that differ in a name; without further keys there is nothing to say about it
  const names = Object.values(schema.properties).flatMap((property) => property.const ?? []);
  if (names.length === Object.keys(schema.properties).length) return [];
  return [{ path: [path, ...names].join(" "), schema }];
}

function isSame(a: JsonSchema, b: JsonSchema): boolean {
  return JSON.stringify(a.properties) === JSON.stringify(b.properties);
}

function table({ path, schema }: Block, blocks: readonly Block[]): string {
  const required = new Set(schema.required);
  const rows = Object.entries(schema.properties ?? {}).map(([key, property]) => {
    const inner = blocksIn(property, "").map(({ schema: target }) =>
      blocks.find((one) => isSame(one.schema, target)),
    );
    const links = inner.map((block) => (block ? `[${title(block.path)}](#${anchor(block.path)})` : ""));
    const description = [property.description ?? describe(property), ...new Set(links)]
      .filter(Boolean)
      .join("; ");
    const value = required.has(key) ? "required" : defaultOf(property);
    return [`\`${key}\``, kinds(property), value, cell(description)];
  });
  const about = schema.description ? `${sentence(schema.description)}\n\n` : "";
  return `### ${title(path)}\n\n${about}${aligned([["Key", "Type", "Default", ""], ...rows])}\n`;
}

/** As Biome wants tables in Markdown: every column as wide as its widest cell. */
function aligned(rows: readonly (readonly string[])[]): string {
  const [head = []] = rows;
  const widths = head.map((_, column) => Math.max(3, ...rows.map((row) => [...(row[column] ?? "")].length)));
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, column) => (row[column] ?? "").padEnd(width)).join(" | ")} |`;
  const rule = widths.map((width) => "-".repeat(width));
  return [head, rule, ...rows.slice(1)].map(line).join("\n");
}

function title(path: string): string {
  return path === "" ? "The file" : `\`${path}\``;
}

/** As GitHub makes them of headings. */
function anchor(path: string): string {
  return path === "" ? "the-file" : path.toLowerCase().replaceAll(/[^a-z0-9_-]/g, "");
}

function describe(schema: JsonSchema): string {
  return schema.anyOf?.find((alternative) => alternative.description)?.description ?? "";
}

function kinds(schema: JsonSchema): string {
  return [...new Set(kindsOf(schema))].join(", ");
}

function kindsOf(schema: JsonSchema): string[] {
  if (schema.title !== undefined) return [schema.title === "name" ? "name of a backend" : schema.title];
  if (schema.anyOf) return schema.anyOf.flatMap(kindsOf);
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``);
  if (schema.const !== undefined) return [`\`${schema.const}\``];
  switch (schema.type) {
    case "string":
      return ["text"];
    case "boolean":
      return ["`true`, `false`"];
    case "integer":
      return [range(schema)];
    case "array":
      return [`list of ${plural(schema.items ?? {})}`];
    default:
      return [schema.patternProperties ? "blocks by name" : "block"];
  }
}

function range({ minimum, maximum }: JsonSchema): string {
  return minimum === undefined || maximum === undefined ? "whole number" : `${minimum} to ${maximum}`;
}

function plural(items: JsonSchema): string {
  const words: Record<string, string> = {
    address: "addresses",
    network: "networks",
    text: "texts",
    block: "blocks",
  };
  return [...new Set(kindsOf(items))].map((kind) => words[kind] ?? kind).join(" or ");
}

function defaultOf({ default: value }: JsonSchema): string {
  if (value === undefined) return "";
  if (typeof value === "object" && value !== null && Object.keys(value).length === 0) return "";
  const text = Array.isArray(value) ? value.join(", ") : String(value);
  // a list of cipher suites without a place to break would make the table wider than any screen
  return text.length > 60
    ? text
        .split(":")
        .map((part) => `\`${part}\``)
        .join(" ")
    : `\`${text}\``;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
