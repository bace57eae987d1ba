import type { z } from "zod";
import type { JsonSchema } from "./json-schema.ts";
import { blocksKnowing, expectation, keysAt, kindAt, listed } from "./known.ts";
import { type Fault, formatPath, type Path, valueAt } from "./source.ts";
import { nearest, suggestion } from "./suggest.ts";

type Issue = z.core.$ZodIssue;

/** Unknown keys of one block that are each explained. */
const mostKeys = 200;

/** What issues are explained with. */
export interface Explained {
  /** What was validated. */
  readonly data: unknown;
  /** What it was validated against, for the keys and kinds that are known at a place. */
  readonly schema: JsonSchema;
}

/** Says what zod found in the words of the configuration. */
export function explainIssues(issues: readonly Issue[], about: Explained, below: Path = []): Fault[] {
  const misspelt = new Set(issues.flatMap((issue) => meantKeys(issue, [...below, ...pathOf(issue)], about)));
  return issues.flatMap((issue) => {
    const path = [...below, ...pathOf(issue)];
    // a key that is there under a wrong name is not missing as well
    return misspelt.has(formatPath(path)) && valueAt(about.data, path) === undefined
      ? []
      : explain(issue, path, about);
  });
}

function meantKeys(issue: Issue, path: Path, { data, schema }: Explained): string[] {
  if (issue.code !== "unrecognized_keys") return [];
  const known = keysAt(schema, path, valueAt(data, path));
  return issue.keys.slice(0, mostKeys).flatMap((key) => {
    const meant = blocksKnowing(schema, path, key).length > 0 ? undefined : nearest(key, known);
    return meant === undefined ? [] : [formatPath([...path, meant])];
  });
}

function explain(issue: Issue, path: Path, about: Explained): Fault[] {
  const value = valueAt(about.data, path);
  if (value === undefined && issue.code.startsWith("invalid_") && path.length > 0)
    return [missing(path, about)];
  switch (issue.code) {
    case "unrecognized_keys":
      return unknownKeys(path, issue.keys, about);
    case "invalid_union": {
      if (kindAt(about.schema, path) === "duration") return [wrongType(path, value, about)];
      const branch = chooseBranch(issue.errors, value);
      return branch ? explainIssues(branch, about, path) : [wrongType(path, value, about)];
    }
    case "invalid_key":
      return [{ path, part: "key", message: `${JSON.stringify(path.at(-1))}: ${issue.issues[0]?.message}` }];
    case "invalid_type":
      return [wrongType(path, value, about)];
    case "invalid_value":
      return [{ path, message: plain(issue.message, unknownValue(issue.values, value, path)) }];
    case "too_small":
    case "too_big":
      return [{ path, message: outOfRange(issue) }];
    case "invalid_format":
      return [
        { path, message: `${quoted(path, value)}: ${plain(issue.message, "not in the form it needs here")}` },
      ];
    default:
      return [{ path, message: plain(issue.message, "not valid here") }];
  }
}

/** The alternative that the value was meant for; undefined when its type fits none. */
function chooseBranch(errors: readonly (readonly Issue[])[], value: unknown): readonly Issue[] | undefined {
  const fitting = errors.filter((branch) => fits(branch, value));
  const [first] = fitting;
  if (fitting.length < 2 || first === undefined) return first;
  // blocks that differ in the literal of one key: the one that was named, or all that could have been
  const named = fitting.find((branch) => !branch.some(isOtherName));
  if (named) return named;
  const others = fitting.flatMap((branch) => branch.filter(isOtherName));
  const [other] = others;
  const values = others.flatMap((issue) => issue.values);
  return other && typeof value === "object" ? [{ ...other, values }] : first;
}

type InvalidValue = Extract<Issue, { code: "invalid_value" }>;

/** The key that tells the blocks apart holds the name of another one. */
function isOtherName(issue: Issue): issue is InvalidValue {
  return issue.code === "invalid_value" && issue.path.length === 1 && issue.values.length === 1;
}

function fits(branch: readonly Issue[], value: unknown): boolean {
  return branch.every((issue) => {
    if (issue.path.length > 0) return true;
    switch (issue.code) {
      case "invalid_type":
        return issue.expected === "int" && typeof value === "number";
      case "invalid_value":
        return issue.values.some((allowed) => typeof allowed === typeof value);
      case "invalid_union":
        return issue.errors.some((inner) => fits(inner, value));
      case "custom":
        return issue.params?.["elsewhere"] !== true;
      default:
        return true;
    }
  });
}

function missing(path: Path, { schema }: Explained): Fault {
  const key = path.at(-1);
  const expected = expectation(schema, path);
  return {
    path: path.slice(0, -1),
    part: "key",
    message: `"${key}" is missing${expected === undefined ? "" : `; give ${expected}`}`,
  };
}

/** Each by itself, but not without end: what each was meant for takes its time to find. */
function unknownKeys(path: Path, keys: readonly string[], about: Explained): Fault[] {
  const faults = keys.slice(0, mostKeys).map((key) => unknownKey(path, key, about));
  const [next, ...rest] = keys.slice(mostKeys);
  if (next === undefined) return faults;
  const more = rest.length === 0 ? "" : `, and ${rest.length} more of this block`;
  return [...faults, { path: [...path, next], part: "key", message: `unknown key "${next}"${more}` }];
}

function unknownKey(path: Path, key: string, { data, schema }: Explained): Fault {
  const known = keysAt(schema, path, valueAt(data, path));
  const homes = blocksKnowing(schema, path, key);
  if (known.includes(key))
    return {
      path: [...path, key],
      part: "key",
      message: `unknown key "${key}" in this form of the block; another form has it, and must be named`,
    };
  const remedy = homes.length > 0 ? `; it belongs under ${listed(homes)}` : suggestion(key, known);
  return { path: [...path, key], part: "key", message: `unknown key "${key}"${remedy}` };
}

function wrongType(path: Path, value: unknown, { schema }: Explained): Fault {
  if (kindAt(schema, path) === "duration" && typeof value === "number")
    return { path, message: `${value} has no unit; write ${value}s, ${value}m or ${value}ms` };
  const expected = expectation(schema, path) ?? "something else";
  if (value === null) return { path, message: `nothing stands here; expected ${expected}` };
  return { path, message: `expected ${expected}, found ${found(path, value)}${conversion(expected, value)}` };
}

/** How to turn what was written into what is expected, where that is plain. */
function conversion(expected: string, value: unknown): string {
  if (expected === "text" && (typeof value === "number" || typeof value === "boolean"))
    return "; put it in quotes";
  if (expected === "a list" && typeof value !== "object") return "; write it as [ … ]";
  if (expected !== "true or false" || typeof value !== "string") return "";
  if (/^(yes|on|y|true)$/i.test(value)) return "; write true";
  return /^(no|off|n|false)$/i.test(value) ? "; write false" : "";
}

function unknownValue(allowed: readonly unknown[], value: unknown, path: Path): string {
  const words = allowed.map(String);
  if (typeof value !== "string") return `expected ${listed(words)}, found ${found(path, value)}`;
  const close = nearest(value, words);
  const hint = close === undefined ? "" : `; did you mean "${close}"?`;
  return `unknown value ${quoted(path, value)}; it is one of ${words.join(", ")}${hint}`;
}

function outOfRange(issue: Extract<Issue, { code: "too_small" | "too_big" }>): string {
  const limit = issue.code === "too_small" ? issue.minimum : issue.maximum;
  const bound = issue.code === "too_small" ? "at least" : "at most";
  switch (issue.origin) {
    case "string":
      return limit === 1 ? "must not be empty" : `must have ${bound} ${limit} characters`;
    case "array":
      return limit === 1 ? `needs ${bound} one entry` : `needs ${bound} ${limit} entries`;
    default:
      return `must be ${bound} ${limit}`;
  }
}

function found(path: Path, value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  switch (typeof value) {
    case "string":
      return `the text ${quoted(path, value)}`;
    case "number":
      return `the number ${quoted(path, value)}`;
    case "boolean":
      return String(value);
    default:
      return "a block";
  }
}

/** A value for a message: never a secret, never endless. */
function quoted(path: Path, value: unknown): string {
  if (path.includes("passphrase")) return "(hidden)";
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

/** Our own messages stand as they are; zod's say nothing to an operator. */
function plain(message: string, instead: string): string {
  // an address that is nothing but a bad port is quoted twice
  const twice = /^("[^"]*"): \1 /.exec(message);
  if (twice) return message.slice(`${twice[1]}: `.length);
  return /^(Invalid|Too|Expected|Unrecognized)\b/.test(message) ? instead : message;
}

function pathOf(issue: Issue): Path {
  return issue.path.map((key) => (typeof key === "number" ? key : String(key)));
}
