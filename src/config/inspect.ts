import type { z } from "zod";
import { type BackendContext, backendOptions } from "../backend/options.ts";
import { type Entries, readEntries } from "./entries.ts";
import { explainIssues } from "./issues.ts";
import { dataJsonSchema, type JsonSchema } from "./json-schema.ts";
import { type ConfigOptions, configSchema, fragmentSchema, tunnelOptions } from "./schema.ts";
import { type Fault, formatPath, type Reading, type Source, valueAt } from "./source.ts";

/** One source, looked at as far as it goes. */
export interface Inspected {
  readonly source: Source;
  readonly data: unknown;
  readonly entries: Entries;
  readonly faults: readonly Fault[];
  /** Of a whole configuration that is valid. */
  readonly options?: ConfigOptions;
}

/** Holds what was read against the schema, of a `whole` configuration or of an included `fragment`. */
export function inspect(reading: Reading, part: "whole" | "fragment", context: BackendContext): Inspected {
  const { source, data } = reading;
  const entries = readEntries(source, data, context);
  if (data === undefined) return { source, data, entries, faults: reading.faults };
  const faults = [...reading.faults];
  const result = part === "whole" ? configSchema(context).safeParse(data) : undefined;
  if (result?.success) return { source, data, entries, faults, options: result.data };
  const issues = (result ?? fragmentSchema(context).safeParse(data)).error?.issues ?? [];
  if (issues.length > 0) {
    const whole = dataJsonSchema(context);
    const schema = part === "whole" ? whole : fragmentJsonSchema(whole);
    const explained = explainIssues([...issues, ...issuesBelowBadNames(issues, data, context)], {
      data,
      schema,
    });
    faults.push(
      ...(part === "whole" ? explained : explained.map((fault) => sayWhereItBelongs(fault, whole))),
    );
  }
  return { source, data, entries, faults: dropRepeated(faults, reading.faults.length) };
}

/** What stands under a name that is none is looked at all the same. */
function issuesBelowBadNames(issues: readonly Issue[], data: unknown, context: BackendContext): Issue[] {
  return issues.flatMap((issue) => {
    if (issue.code !== "invalid_key") return [];
    const path = issue.path.map((key) => (typeof key === "number" ? key : String(key)));
    const schema = path[0] === "tunnels" ? tunnelOptions(context) : backendOptions(context);
    const below = schema.safeParse(valueAt(data, path)).error?.issues ?? [];
    return below.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
  });
}

type Issue = z.core.$ZodIssue;

function fragmentJsonSchema(whole: JsonSchema): JsonSchema {
  const { tunnels = {}, backends = {} } = whole.properties ?? {};
  return { ...whole, properties: { tunnels, backends } };
}

function sayWhereItBelongs(fault: Fault, whole: JsonSchema): Fault {
  const [key] = fault.path;
  if (fault.path.length !== 1 || fault.part !== "key" || !Object.hasOwn(whole.properties ?? {}, String(key)))
    return fault;
  return {
    ...fault,
    message: `"${key}" belongs in the main file; an included one holds only tunnels and backends`,
  };
}

/** A value that could not even be read is not complained about twice. */
function dropRepeated(faults: readonly Fault[], readFaults: number): Fault[] {
  const taken = new Set(faults.slice(0, readFaults).map((fault) => formatPath(fault.path)));
  return faults.filter((fault, index) => index < readFaults || !taken.has(formatPath(fault.path)));
}
