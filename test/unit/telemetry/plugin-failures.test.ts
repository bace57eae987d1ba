// A plugin can fail thousands of times a second: the operator must hear of it at once, and still find other records.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { pino } from "pino";
import { Events } from "../../../src/core/events.ts";
import { logPluginFailures } from "../../../src/telemetry/plugin-failures.ts";

const minute = 60_000;

describe("failures of plugins", () => {
  let records: { level: number; plugin: string; failures: number; reason: string }[];
  let events: Events;

  beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout"] });
    records = [];
    events = new Events();
    logPluginFailures(events, pino({}, { write: (line) => records.push(JSON.parse(line)) }));
  });

  afterEach(() => mock.timers.reset());

  const fail = (plugin: string, reason: string, times = 1) => {
    for (let count = 0; count < times; count++) events.emit("plugin.failed", { plugin, reason });
  };
  const told = () => records.splice(0).map(({ plugin, failures, reason }) => [plugin, failures, reason]);

  it("are logged as errors: the first at once, the others of its minute by their number", () => {
    fail("canary", "first");
    assert.deepEqual(
      records.map(({ level }) => level),
      [50],
    );
    assert.deepEqual(told(), [["canary", 1, "first"]]);
    fail("canary", "again", 500);
    fail("canary", "last");
    assert.deepEqual(told(), []);
    mock.timers.tick(minute - 1);
    assert.deepEqual(told(), []);
    mock.timers.tick(1);
    assert.deepEqual(told(), [["canary", 501, "last"]]);
  });

  it("are logged once a minute as long as they go on", () => {
    for (let round = 0; round < 5; round++) {
      fail("canary", `${round}`, 10);
      mock.timers.tick(minute);
    }
    assert.deepEqual(
      told().map(([, failures]) => failures),
      [1, 9, 10, 10, 10, 10],
    );
  });

  it("are logged at once again after a quiet minute", () => {
    fail("canary", "first");
    mock.timers.tick(minute);
    fail("canary", "second");
    assert.deepEqual(told(), [
      ["canary", 1, "first"],
      ["canary", 1, "second"],
    ]);
  });

  it("are counted for each plugin by itself", () => {
    fail("canary", "a", 3);
    fail("other", "b", 2);
    mock.timers.tick(minute);
    assert.deepEqual(told(), [
      ["canary", 1, "a"],
      ["other", 1, "b"],
      ["canary", 2, "a"],
      ["other", 1, "b"],
    ]);
  });
});
