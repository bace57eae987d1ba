// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the file sees them before they are replaced
// Editors read config/schema.json and people read docs/configuration.md: neither may say what the program does not do.
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { generatedFiles } from "../../../scripts/docs.ts";
import { readDocument } from "../../../src/config/document.ts";
import { configJsonSchema, type JsonSchema } from "../../../src/config/json-schema.ts";
import { plugins } from "../../../src/config/plugins.ts";
import { configSchema } from "../../../src/config/schema.ts";

const root = join(import.meta.dirname, "../../..");
const examples = globSync("config/*.yaml", { cwd: root }).toSorted();
const page = readFileSync(join(root, "docs/configuration.md"), "utf8");
const env = { CERTS: "../certs" };

describe("the generated files", () => {
  for (const [file, content] of generatedFiles())
    it(`${file} is what "npm run docs" would write`, () => {
      assert.equal(readFileSync(join(root, file), "utf8"), content);
    });
});

describe("the JSON Schema", () => {
  const schema = configJsonSchema(plugins);
  const accepts = (text: string) => conforms(readDocument("f", text, literally(text)).data, schema, schema);

  it("accepts every example, as it is written and with its variables replaced", () => {
    assert.ok(examples.length > 0);
    for (const example of examples) {
      const text = readFileSync(join(root, example), "utf8");
      assert.ok(accepts(text), example);
      assert.ok(conforms(readDocument(example, text, env).data, schema, schema), example);
    }
  });

  it("accepts every short form, and a variable where a number, switch or choice stands", () => {
    const tunnel = (body: string) => `tunnels: { web: ${body} }\n`;
    for (const text of [
      tunnel("{ frontend: 8080, backend: db }"),
      tunnel("{ frontend: 'unix:/a', backend: [ 80, { address: 81, weight: 2 } ] }"),
      tunnel("{ frontend: { listen: 8080 }, backend: { targets: [ 80 ], balance: random } }"),
      tunnel(
        "{ enabled: '${ON}', frontend: 1, backend: { targets: [ { address: 1, weight: '${W}' } ], balance: '${B}' } }",
      ),
      "log: { level: '${LEVEL}' }\ndefaults: { connect: { attempts: '${N:-3}' } }\n",
    ])
      assert.ok(accepts(text), text);
  });

  it("refuses what the program refuses for its shape", () => {
    for (const text of [
      "tunnel: {}\n",
      "tunnels: { Web: { frontend: 8080, backend: 80 } }\n",
      "tunnels: { web: { backend: 80 } }\n",
      "tunnels: { web: { frontend: { lisen: 8080 }, backend: 80 } }\n",
      "log: { level: loud }\n",
      "defaults: { connect: { attempts: 0 } }\n",
    ])
      assert.ok(!accepts(text), text);
  });
});

describe("the examples in docs/configuration.md", () => {
  const blocks = Array.from(page.matchAll(/```yaml\n([^`]*)```/g), ([, text = ""]) => text).filter((text) =>
    /^tunnels:/m.test(text),
  );
  it("are valid", () => {
    assert.ok(blocks.length >= 5);
    for (const text of blocks) {
      const { data, faults } = readDocument("f", text, {});
      const result = configSchema({ ...plugins, resolvePath: (path) => `/${path}` }).safeParse(data);
      assert.deepEqual([faults, result.error?.issues ?? []], [[], []], text);
    }
  });
});

/** An environment in which every variable stands for itself: the file as an editor sees it. */
function literally(text: string): Record<string, string> {
  return Object.fromEntries(
    Array.from(text.matchAll(/\$\{(\w+)(:-[^}]*)?\}/g), ([whole, name = ""]) => [name, whole]),
  );
}

/** As much of JSON Schema as ours uses. */
function conforms(value: unknown, schema: JsonSchema, whole: JsonSchema): boolean {
  const definition = schema.$ref?.replace("#/$defs/", "");
  if (definition !== undefined) return conforms(value, whole.$defs?.[definition] ?? {}, whole);
  if (schema.anyOf && !schema.anyOf.some((alternative) => conforms(value, alternative, whole))) return false;
  if (schema.type !== undefined && ![schema.type].flat().some((type) => isOfType(value, type))) return false;
  if (schema.enum && !schema.enum.includes(value)) return false;
  if (schema.const !== undefined && schema.const !== value) return false;
  if (typeof value === "string")
    return (
      (schema.pattern === undefined || new RegExp(schema.pattern).test(value)) &&
      value.length >= (schema.minLength ?? 0) &&
      value.length <= (schema.maxLength ?? Number.POSITIVE_INFINITY)
    );
  if (typeof value === "number")
    return (
      value >= (schema.minimum ?? Number.NEGATIVE_INFINITY) &&
      value <= (schema.maximum ?? Number.POSITIVE_INFINITY)
    );
  if (Array.isArray(value))
    return (
      value.length >= (schema.minItems ?? 0) &&
      value.every((item) => conforms(item, schema.items ?? {}, whole))
    );
  if (typeof value !== "object" || value === null) return true;
  return (
    (schema.required ?? []).every((key) => Object.hasOwn(value, key)) &&
    Object.entries(value).every(([key, inner]) => {
      const patterns = Object.entries(schema.patternProperties ?? {}).filter(([pattern]) =>
        new RegExp(pattern).test(key),
      );
      const property = schema.properties?.[key] ?? patterns[0]?.[1];
      return property ? conforms(inner, property, whole) : schema.additionalProperties !== false;
    })
  );
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}
