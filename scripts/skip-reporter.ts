// A second reporter for node:test: one line of JSON per skipped test, for the runner to judge after the run.
// It reads the events, not the printed report, so that colours, nesting and reporters may change.
import { relative } from "node:path";
import type { TestEvent } from "node:test/reporters";

/** A test or suite that did not run. */
export interface Skip {
  readonly name: string;
  /** The text given to `skip`, or empty for a bare `skip: true`. */
  readonly reason: string;
  /** file:line, relative to where the tests were started. */
  readonly place: string;
}

export default async function* skipReporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    const skip = skipOf(event);
    if (skip !== undefined) yield `${JSON.stringify(skip)}\n`;
  }
}

/** The skip that an event tells of. A test may skip itself and fail all the same, so both ends count. */
export function skipOf(event: TestEvent): Skip | undefined {
  if (event.type !== "test:pass" && event.type !== "test:fail") return undefined;
  const { name, skip, file, line } = event.data;
  if (skip === undefined || skip === false) return undefined;
  const place = file === undefined ? "" : `${relative(process.cwd(), file)}:${line ?? 0}`;
  return { name, reason: typeof skip === "string" ? skip : "", place };
}

/** Whether a run in CI may succeed without this test: only where the test itself says that it is optional. */
export function isOptional(skip: Skip): boolean {
  return skip.reason.startsWith("optional:");
}

export function formatSkip(skip: Skip): string {
  return `skipped: ${skip.name} (${skip.reason || "no reason given"}) ${skip.place}`;
}
