import type { JsonSchema } from "./json-schema.ts";
import { type Path, valueAt } from "./source.ts";

/** Every schema that may apply at a path: the alternatives of all unions on the way. */
export function schemasAt(root: JsonSchema, path: Path): JsonSchema[] {
  let schemas = alternatives(root);
  for (const key of path) schemas = schemas.flatMap((schema) => step(schema, key)).flatMap(alternatives);
  return schemas;
}

/** The keys that a block at this path may have; of blocks that differ in the literal of one key, the one that `data` is. */
export function keysAt(root: JsonSchema, path: Path, data?: unknown): string[] {
  const schemas = schemasAt(root, path).filter((schema) => !isOfOtherName(schema, data));
  return [...new Set(schemas.flatMap((schema) => Object.keys(schema.properties ?? {})))];
}

/** The blocks right below a path where a key would be at home. */
export function blocksKnowing(root: JsonSchema, path: Path, key: string): string[] {
  return keysAt(root, path).filter((block) => keysAt(root, [...path, block]).includes(key));
}

/** What is expected at a path, in words; undefined when the schema does not say. */
export function expectation(root: JsonSchema, path: Path): string | undefined {
  const words = new Set(schemasAt(root, path).map(inWords));
  return words.size === 0 ? undefined : listed([...words]);
}

/** `a, b or c` */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** The kind of value (`duration`, `size`, `address`, `path`), where it is one of ours. */
export function kindAt(root: JsonSchema, path: Path): string | undefined {
  return schemasAt(root, path).find((schema) => schema.title !== undefined)?.title;
}

function isOfOtherName({ properties = {} }: JsonSchema, data: unknown): boolean {
  return Object.entries(properties).some(([key, property]) => {
    const value = valueAt(data, [key]);
    return property.const !== undefined && value !== undefined && value !== property.const;
  });
}

function step(schema: JsonSchema, key: string | number): JsonSchema[] {
  if (typeof key === "number") return schema.items ? [schema.items] : [];
  const property =
    schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
  if (property) return [property];
  return [
    ...Object.values(schema.patternProperties ?? {}),
    ...(typeof schema.additionalProperties === "object" ? [schema.additionalProperties] : []),
  ];
}

/** A union is its alternatives; what is said of the union holds for each. */
function alternatives(schema: JsonSchema): JsonSchema[] {
  if (!schema.anyOf) return [schema];
  const title = schema.title === undefined ? {} : { title: schema.title };
  return schema.anyOf.flatMap((alternative) => alternatives({ ...alternative, ...title }));
}

function inWords(schema: JsonSchema): string {
  switch (schema.title) {
    case "duration":
      return "a duration such as 500ms, 5s, 1m30s or 12h";
    case "size":
      return "a size such as 512, 64k or 16M";
    case "rate":
      return "a rate such as 100/s or 600/m";
    case "address":
      return "an address (port, host:port, [v6]:port or unix:/path)";
    case "path":
      return "the path of a file";
    case "name":
      return "the name of a shared backend";
  }
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return `one of ${schema.enum.join(", ")}`;
  switch (schema.type) {
    case "string":
      return "text";
    case "boolean":
      return "true or false";
    case "integer":
      return "a whole number";
    case "number":
      return "a number";
    case "array":
      return "a list";
    case "object":
      return schema.properties
        ? `a block (${Object.keys(schema.properties).join(", ")})`
        : "a block of NAME: … entries";
  }
  return "something else";
}
