// A hundred thousand connections that are turned away must neither fill a disk nor hide the one record that matters.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { pino } from "pino";
import { Events } from "../../../src/core/events.ts";
import type { Outcome } from "../../../src/core/outcome.ts";
import { Session } from "../../../src/core/session.ts";
import { logEvents } from "../../../src/telemetry/log.ts";

interface Line {
  readonly event: string;
  readonly outcome?: string;
  readonly count?: number;
  readonly tunnels?: object;
}

describe("a flood of sessions that are turned away", () => {
  let lines: Line[];
  let events: Events;

  beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout"] });
    lines = [];
    start(10);
  });

  afterEach(() => mock.timers.reset());

  const start = (rejections: number) => {
    events = new Events();
    const logger = pino({}, { write: (line) => lines.push(JSON.parse(line)) });
    const record = (_level: string, facts: object) => lines.push(facts as Line);
    logEvents(events, { logger, record, rejections });
  };

  const end = (outcome: Outcome, times = 1, tunnel = "web") => {
    for (let count = 0; count < times; count++) {
      const client = { kind: "tcp", host: "192.0.2.1", port: 1 } as const;
      const session = new Session({ tunnel, client, local: client });
      session.end(outcome);
      events.emit("session.closed", { session });
    }
  };
  const told = () => lines.splice(0).map(({ event, count }) => (event === "session" ? event : count));

  it("is told in ten lines a second, the last of which counts the others", () => {
    end("limited", 5);
    end("handshake-failed", 100);
    end("bad-preamble", 10, "mail");
    assert.deepEqual(told(), Array(9).fill("session"));
    mock.timers.tick(999);
    assert.deepEqual(told(), []);
    mock.timers.tick(1);
    assert.deepEqual(lines[0]?.tunnels, {
      web: { "handshake-failed": 96 },
      mail: { "bad-preamble": 10 },
    });
    assert.deepEqual(told(), [106]);
  });

  it("goes on so for as long as it lasts, and every session is told or counted", () => {
    let sessions = 0;
    for (let second = 0; second < 20; second++) {
      end("refused", 1000);
      mock.timers.tick(1000);
      const lines = told();
      assert.ok(lines.length <= 11);
      sessions += lines.reduce<number>((sum, line) => sum + (typeof line === "number" ? line : 1), 0);
    }
    assert.equal(sessions, 20_000);
  });

  it("is told in as many lines as it is said to be, or in one for each session", () => {
    start(1);
    end("limited", 3);
    mock.timers.tick(1000);
    assert.deepEqual(told(), [3]);
    start(0);
    end("limited", 300);
    assert.deepEqual(told(), Array(300).fill("session"));
  });

  it("hides no other session", () => {
    end("limited", 100);
    told();
    end("completed", 50);
    end("connect-failed", 50);
    assert.equal(told().length, 100);
  });

  it("is forgotten after a quiet second, and told to the end when the program stops", () => {
    end("limited", 5);
    mock.timers.tick(1000);
    assert.deepEqual(told(), Array(5).fill("session"));
    end("limited", 20);
    told();
    events.emit("stopped", { sessions: 0 });
    assert.equal(lines[0]?.count, 11);
    mock.timers.tick(5000);
    assert.equal(lines.length, 2);
  });
});
