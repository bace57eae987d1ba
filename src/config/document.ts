import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type Node,
  parseDocument,
  type Scalar,
  type YAMLError,
} from "yaml";
import { type Environment, resolvePlain, substitute } from "./environment.ts";
import { type Fault, type Path, Places, type Range, type Reading, type Source, valueAt } from "./source.ts";

/** Keys that would reach into the prototype of whatever they are copied to. */
const forbiddenKeys: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);
/** The first is the one to mend; the rest may be its echo. */
const mostSyntaxErrors = 20;
const deepest = 64;
/** Nodes that aliases may bring in, all together: an alias of aliases grows exponentially. */
const mostAliased = 10_000;

/** Reads one YAML 1.2 document, all its faults at once; what a schema has to say comes later. */
export function readDocument(file: string, text: string, env: Environment): Reading {
  const nesting = findNesting(text);
  if (nesting) return broken(file, text, [nesting]);
  const document = parse(text);
  if ("path" in document) return broken(file, text, [document]);
  const faults = explainSyntax(document, text);
  const converter = new Converter(env);
  const data = converter.convert(document.contents, []);
  const source: Source = {
    file,
    text,
    secrets: converter.secrets,
    locate: (path, part) => converter.places.locate(path, part),
  };
  // after a syntax error the rest of the file is guesswork, and so would be what a schema says about it
  if (document.errors.length > 0) return { source, data: undefined, faults };
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null))
    return { source, data: undefined, faults: [...faults, { path: [], message: emptyFile }] };
  const written = asWritten(data, converter.substituted);
  return {
    source,
    data,
    ...(written === undefined ? {} : { written }),
    faults: [...faults, ...converter.faults],
  };
}

const emptyFile =
  "the file is empty; the least it needs is tunnels: { NAME: { frontend: ADDRESS, backend: ADDRESS } }";

function parse(text: string): Document.Parsed | Fault {
  try {
    return parseDocument(text, {
      version: "1.2",
      merge: false,
      stringKeys: true,
      uniqueKeys: false,
      prettyErrors: false,
    });
  } catch (error) {
    // the parser recurses; findNesting leaves it nothing to overflow on, but a crash here must not be one of ours
    return {
      path: [],
      message: `this is no readable YAML: ${error instanceof Error ? error.message : error}`,
    };
  }
}

function broken(file: string, text: string, faults: readonly Fault[]): Reading {
  const places = new Places();
  return {
    source: { file, text, secrets: [], locate: (path) => places.locate(path) },
    data: undefined,
    faults,
  };
}

/** Looks for nesting that would exhaust the parser's stack, at the price of one pass over the tokens. */
function findNesting(text: string): Fault | undefined {
  let offset = 0;
  let flow = 0;
  let indicators = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === "[" || token === "{") flow++;
    else if (token === "]" || token === "}") flow--;
    if (token === "-" || token === "?" || token === ":") indicators++;
    else if (!/^ *$/.test(token)) indicators = 0;
    if (flow > deepest || indicators > deepest)
      return { path: [], message: tooDeep, range: { start: offset, end: offset + 1 } };
    if (!marks.has(token)) offset += token.length;
  }
  return undefined;
}

/** Tokens by which the lexer says what follows; they are not in the text. */
const marks: ReadonlySet<string> = new Set(["\u0002", "\u0018", "\u001f"]);

const tooDeep = `nested deeper than ${deepest} levels`;

function explainSyntax({ errors, warnings }: Document.Parsed, text: string): Fault[] {
  // once the parser has lost its way, it finds everything that follows unexpected
  const telling = errors
    .filter((error, index) => index === 0 || error.code !== "UNEXPECTED_TOKEN")
    .slice(0, mostSyntaxErrors);
  return [...telling, ...warnings].map((error) => {
    const [start, end] = error.pos;
    return { path: [], message: explainError(error, text), range: { start, end } };
  });
}

function explainError({ code, message, pos }: YAMLError, text: string): string {
  const [start, end] = pos;
  switch (code) {
    case "MULTIPLE_DOCS":
      return 'one file holds one YAML document; move what follows "---" to a file of its own and include it';
    case "RESOURCE_EXHAUSTION":
      return "nested too deeply to be read";
    case "NON_STRING_KEY":
      return "a key is plain text here";
    case "TAG_RESOLVE_FAILED":
      return `the tag ${text.slice(start, end)} means nothing here; leave it out`;
    case "UNEXPECTED_TOKEN":
      if (text.slice(start - 1, start + 1) === "${")
        return "a value with a substitution needs quotes inside [ ] and { }";
      break;
  }
  const missing = /must be sufficiently indented and end with a (.)$/.exec(message)?.[1];
  return missing === undefined ? message : `here or before, a closing ${missing} is missing`;
}

/** Turns nodes into plain data without prototypes, and notes where everything stands. */
class Converter {
  readonly places = new Places();
  readonly faults: Fault[] = [];
  readonly secrets: Range[] = [];
  /** What the environment has filled in, as it was before. */
  readonly substituted: { readonly path: Path; readonly text: string }[] = [];
  readonly #anchors = new Map<string, Node>();
  readonly #env: Environment;
  /** Anchors whose aliases are being converted, the innermost last. */
  readonly #open: Node[] = [];
  #aliased = 0;

  constructor(env: Environment) {
    this.#env = env;
  }

  convert(node: unknown, path: Path, key?: Range): unknown {
    const value = rangeOf(node);
    this.places.add(path, key ? { key, value } : { value });
    return this.#content(node, path, value);
  }

  #content(node: unknown, path: Path, range: Range): unknown {
    if (path.length > deepest) return this.#fault(path, tooDeep, range);
    const isAliased = this.#open.length > 0;
    if (isAliased && ++this.#aliased > mostAliased) {
      if (this.#aliased > mostAliased + 1) return null;
      return this.#fault([], `aliases bring in more than ${mostAliased} values`, range);
    }
    if (isAlias(node)) return this.#alias(node, path, range);
    if ((isScalar(node) || isMap(node) || isSeq(node)) && node.anchor && !isAliased)
      this.#anchors.set(node.anchor, node);
    if (isSeq(node)) return node.items.map((item, index) => this.convert(item, [...path, index]));
    if (isMap(node)) return this.#map(node.items, path);
    if (isScalar(node)) return this.#scalar(node, path, range);
    return null;
  }

  #alias(alias: Alias, path: Path, range: Range): unknown {
    const node = this.#anchors.get(alias.source);
    if (!node) return this.#fault(path, `no anchor &${alias.source} stands before this alias`, range);
    const place = rangeOf(node);
    const isInside = place.start <= range.start && range.end <= place.end;
    if (isInside || this.#open.includes(node))
      return this.#fault(path, `the alias *${alias.source} stands inside of what it stands for`, range);
    this.#open.push(node);
    const data = this.#content(node, path, place);
    this.#open.pop();
    return data;
  }

  #map(items: readonly { key: unknown; value: unknown }[], path: Path): Record<string, unknown> {
    const data: Record<string, unknown> = Object.create(null);
    for (const pair of items) {
      const range = rangeOf(pair.key);
      if (!isScalar(pair.key) || typeof pair.key.value !== "string") {
        this.#fault(path, "a key is plain text here", range);
        continue;
      }
      const key = pair.key.value;
      if (forbiddenKeys.has(key))
        this.#fault([...path, key], `the key "${key}" is not allowed anywhere`, range);
      else if (key === "<<")
        this.#fault(path, "merge keys (<<) are not read; use defaults: or a shared backend", range);
      else if (Object.hasOwn(data, key))
        this.#fault([...path, key], `the key "${key}" stands here twice; keep one of them`, range);
      else data[key] = this.convert(pair.value, [...path, key], range);
    }
    return data;
  }

  #scalar(node: Scalar, path: Path, range: Range): unknown {
    // whatever form it was given in, right or wrong, except for the name of a file
    if (path.includes("passphrase") && path.at(-1) !== "file") this.secrets.push(range);
    if (typeof node.value !== "string" || !node.value.includes("${")) return node.value;
    this.substituted.push({ path, text: node.value });
    const { text, problems } = substitute(node.value, this.#env);
    for (const problem of problems) this.#fault(path, problem, range);
    return node.type === "PLAIN" && node.tag === undefined ? resolvePlain(text) : text;
  }

  #fault(path: Path, message: string, range: Range): null {
    this.faults.push({ path, message, range });
    return null;
  }
}

/** A copy of the data with these texts in it; undefined when there are none. */
function asWritten(data: unknown, texts: readonly { readonly path: Path; readonly text: string }[]): unknown {
  if (texts.length === 0) return undefined;
  const copy: unknown = structuredClone(data);
  for (const { path, text } of texts) {
    const block = valueAt(copy, path.slice(0, -1));
    const key = path.at(-1);
    if (typeof block === "object" && block !== null && key !== undefined)
      (block as Record<string | number, unknown>)[key] = text;
  }
  return copy;
}

function rangeOf(node: unknown): Range {
  const range = isAlias(node) || isScalar(node) || isMap(node) || isSeq(node) ? node.range : undefined;
  return range ? { start: range[0], end: range[1] } : { start: 0, end: 0 };
}
