/** Several processes count, and processes end: what is added up must be what clients have seen, and never go back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Events } from "../../../src/core/events.ts";
import { Session } from "../../../src/core/session.ts";
import { ended, sumCounts } from "../../../src/telemetry/counts.ts";
import { Tallies } from "../../../src/telemetry/tally.ts";
import { targetsOf } from "../../support/balancing.ts";

function process() {
  const events = new Events();
  const [target] = targetsOf(1);
  const address = { kind: "unix", path: "" } as const;
  const session = new Session({ tunnel: "web", client: address, local: address });
  const sessions = () => (session.outcome === undefined ? [session] : []);
  const tallies = new Tallies({ events, tunnelsOf: () => [], sessions });
  if (!target) throw new Error("no target");
  session.target = target;
  events.emit("session.opened", { session });
  events.emit("target.connected", { session, ms: 1 });
  session.relay = "fast";
  session.bytesIn = 3;
  session.bytesOut = 5;
  return { events, tallies, session, key: target.key };
}

test("what is under way counts for the tunnel and, apart, for the target", () => {
  const { tallies, key, events, session } = process();
  const before = tallies.counts().get("web");
  assert.deepEqual([before?.active, before?.bytesIn, before?.bytesOut], [1, 3, 5]);
  assert.deepEqual(before?.targets.get(key)?.underWay, { in: 3, out: 5 });
  assert.equal(before?.targets.get(key)?.bytesIn, 0);
  session.end("completed");
  events.emit("session.closed", { session });
  const after = tallies.counts().get("web");
  assert.deepEqual([after?.active, after?.bytesIn, after?.bytesOut], [0, 3, 5]);
  assert.deepEqual(after?.targets.get(key)?.underWay, { in: 0, out: 0 });
  assert.equal(after?.targets.get(key)?.bytesOut, 5);
});

test("processes are added up, and one that is gone has nothing under way and loses no count", () => {
  const [one, two] = [process(), process()];
  const both = sumCounts([one.tallies.counts(), two.tallies.counts()]).get("web");
  assert.deepEqual([both?.active, both?.bytesIn, both?.connections], [2, 6, 2]);
  const rest = sumCounts([ended(one.tallies.counts()), two.tallies.counts()]).get("web");
  assert.deepEqual([rest?.active, rest?.bytesIn, rest?.connections], [1, 6, 2]);
  assert.equal(rest?.targets.get(one.key)?.bytesIn, 3);
  assert.deepEqual(rest?.targets.get(one.key)?.underWay, { in: 3, out: 5 });
});
