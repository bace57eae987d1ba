/** A session can be ended from several sides in the same moment; its outcome and who is told must not depend on luck. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Events } from "../../../src/core/events.ts";
import { reasonOf, SessionError } from "../../../src/core/outcome.ts";
import { Session } from "../../../src/core/session.ts";

const unix = { kind: "unix", path: "/x" } as const;
const newSession = () => new Session({ tunnel: "t", client: unix, local: unix });

describe("a session", () => {
  it("keeps its first outcome", () => {
    const session = newSession();
    session.end("completed");
    session.end("killed", new Error("late"));
    assert.deepEqual([session.outcome, session.error], ["completed", undefined]);
  });

  it("that is aborted tells its owner and its signal once, with the reason", () => {
    const session = newSession();
    const told: unknown[] = [];
    session.interrupt = (reason) => told.push(reason);
    const { signal } = session;
    session.abort("drained", "out of patience");
    session.abort("killed", "again");
    assert.equal(told.length, 1);
    assert.ok(told[0] instanceof SessionError);
    assert.deepEqual([told[0].outcome, told[0].message], ["drained", "out of patience"]);
    assert.ok(signal.aborted);
    assert.equal(signal.reason, told[0]);
    assert.equal(session.aborted, told[0]);
  });

  it("has a signal that has fired already when it was aborted before anybody asked for it", () => {
    const session = newSession();
    session.abort("killed", "early");
    assert.ok(session.signal.aborted);
    assert.equal(session.signal.reason, session.aborted);
  });

  it("that has ended is not aborted any more", () => {
    const session = newSession();
    session.interrupt = () => assert.fail("told after its end");
    session.end("completed");
    session.abort("killed", "late");
    assert.equal(session.aborted, undefined);
  });

  it("has an id of its own", () => {
    const ids = Array.from({ length: 1000 }, () => newSession().id);
    assert.equal(new Set(ids).size, 1000);
  });
});

describe("the reason of an error", () => {
  it("is its message, and for a bundle of errors all of theirs", () => {
    assert.equal(reasonOf(new Error("broken")), "broken");
    assert.equal(reasonOf("text"), "text");
    assert.equal(reasonOf(new AggregateError([new Error("one"), new Error("two")])), "one; two");
    assert.equal(reasonOf(new AggregateError([new Error("one")], "whole")), "whole");
  });
});

describe("events", () => {
  it("reach every listener in the order of subscription, until it unsubscribes", () => {
    const events = new Events();
    const heard: string[] = [];
    const off = events.on("stopped", ({ sessions }) => heard.push(`first ${sessions}`));
    events.on("stopped", ({ sessions }) => heard.push(`second ${sessions}`));
    events.emit("stopped", { sessions: 1 });
    off();
    off();
    events.emit("stopped", { sessions: 2 });
    events.emit("draining", { sessions: 3, deadlineMs: 1 });
    assert.deepEqual(heard, ["first 1", "second 1", "second 2"]);
  });
});
