// node:test's own spec report, with all skipped tests named once more just above the closing summary: inside
// the report of hundreds of tests nobody sees them, and below it they would displace the summary.
import { compose } from "node:stream";
import { spec, type TestEvent } from "node:test/reporters";
import { formatSkip, type Skip, skipOf } from "./skip-reporter.ts";

export default async function* specReporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const chunk of compose(withSkipsNamed(source), new spec())) yield String(chunk);
}

async function* withSkipsNamed(source: AsyncIterable<TestEvent>): AsyncGenerator<TestEvent> {
  const skips: Skip[] = [];
  let named = false;
  for await (const event of source) {
    const skip = skipOf(event);
    if (skip !== undefined) skips.push(skip);
    if (!named && isStartOfSummary(event)) {
      named = true;
      for (const each of skips) {
        yield { type: "test:diagnostic", data: { ...event.data, message: formatSkip(each) } };
      }
    }
    yield event;
  }
}

function isStartOfSummary(event: TestEvent): event is Extract<TestEvent, { type: "test:diagnostic" }> {
  return (
    event.type === "test:diagnostic" && event.data.nesting === 0 && /^tests \d+$/.test(event.data.message)
  );
}
