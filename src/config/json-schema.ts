import { z } from "zod";
import type { Plugins } from "../core/plugin.ts";
import { builtIn } from "./defaults.ts";
import { configSchema } from "./schema.ts";

/** The part of JSON Schema (draft 2020-12) that the configuration uses. */
export interface JsonSchema {
  $schema?: string;
  title?: string;
  description?: string;
  type?: string | string[];
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: JsonSchema | boolean;
  propertyNames?: JsonSchema;
  patternProperties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  readOnly?: boolean;
}

/** What may be written in a file, as editors understand it. */
export function configJsonSchema(plugins: Plugins): JsonSchema {
  const schema = structuredClone(dataJsonSchema(plugins));
  visit(schema, allowSubstitution);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Configuration of equilibria-tunnel",
    ...schema,
    $defs: {
      substitution: { type: "string", pattern: "\\$\\{", description: "a value from the environment" },
    },
  };
}

/** By their balancers, which each load of modules of one's own makes a new list of. */
const known = new WeakMap<Plugins["balancers"], JsonSchema>();

/** What the data of a file must be, once everything from the environment is in it. To be read only: it is shared. */
export function dataJsonSchema(plugins: Plugins): JsonSchema {
  const schema = known.get(plugins.balancers) ?? makeDataJsonSchema(plugins);
  known.set(plugins.balancers, schema);
  return schema;
}

function makeDataJsonSchema(plugins: Plugins): JsonSchema {
  const schema = z.toJSONSchema(configSchema({ ...plugins, resolvePath: (path) => path }), {
    io: "input",
    reused: "inline",
    unrepresentable: "any",
    override: ({ jsonSchema }) => {
      // zod says readOnly for what it freezes; in JSON Schema the word means something else
      delete jsonSchema.readOnly;
      // every integer would carry the bounds of the safe ones
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  }) as JsonSchema;
  visit(schema, nameByPattern);
  visit(schema, (inner) => showBuiltIn(inner, plugins));
  return schema;
}

function visit(schema: JsonSchema, act: (schema: JsonSchema) => void): void {
  act(schema);
  for (const child of children(schema)) visit(child, act);
}

function children(schema: JsonSchema): JsonSchema[] {
  return [
    ...Object.values(schema.properties ?? {}),
    ...Object.values(schema.patternProperties ?? {}),
    ...(typeof schema.additionalProperties === "object" ? [schema.additionalProperties] : []),
    ...(schema.items ? [schema.items] : []),
    ...(schema.anyOf ?? []),
  ];
}

/** Editors complete and check `patternProperties` better than `propertyNames`. */
function nameByPattern(schema: JsonSchema): void {
  const pattern = schema.propertyNames?.pattern;
  if (pattern === undefined || typeof schema.additionalProperties !== "object") return;
  schema.patternProperties = { [pattern]: schema.additionalProperties };
  schema.additionalProperties = false;
  delete schema.propertyNames;
}

/** The values that `resolve.ts` fills in are no defaults of the schema: a tunnel may inherit others. */
function showBuiltIn(schema: JsonSchema, { balancers }: Plugins): void {
  const balance = schema.properties?.["balance"];
  if (balance) balance.default = balancers[0]?.name;
  const { perClientPrefix, ...limits } = builtIn.limits;
  const blocks: Record<string, Record<string, unknown>> = {
    timeouts: builtIn.timeouts,
    limits,
    perClientPrefix,
    connect: builtIn.connect,
    health: builtIn.health,
    passive: builtIn.passive,
  };
  for (const [block, values] of Object.entries(blocks)) {
    const property = schema.properties?.[block];
    for (const { properties = {} } of property?.anyOf ?? (property ? [property] : []))
      for (const [key, value] of Object.entries(values)) {
        const inner = properties[key];
        if (inner) inner.default = value;
      }
  }
}

/** A number, a switch or a choice can come from the environment; until it has, it is text. */
function allowSubstitution(schema: JsonSchema): void {
  for (const [key, property] of Object.entries(schema.properties ?? {}))
    if (isRestrictedScalar(property) && schema.properties) schema.properties[key] = orSubstitution(property);
  if (schema.items && isRestrictedScalar(schema.items)) schema.items = orSubstitution(schema.items);
}

function isRestrictedScalar(schema: JsonSchema): boolean {
  const alternatives = schema.anyOf ?? [schema];
  return (
    !alternatives.some(takesAnyText) &&
    alternatives.some((one) => one.type !== "object" && one.type !== "array")
  );
}

function takesAnyText(schema: JsonSchema): boolean {
  if (schema.anyOf) return schema.anyOf.some(takesAnyText);
  const isText = [schema.type].flat().includes("string");
  return isText && schema.enum === undefined && schema.const === undefined && schema.pattern === undefined;
}

function orSubstitution(schema: JsonSchema): JsonSchema {
  const { description, default: value, anyOf, ...rest } = schema;
  return {
    ...(description === undefined ? {} : { description }),
    ...(value === undefined ? {} : { default: value }),
    anyOf: [...(anyOf ?? [rest]), { $ref: "#/$defs/substitution" }],
  };
}
