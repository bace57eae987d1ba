// Verdicts must come after exactly so many checks as the operator has said, and at the times he has said; what the
// checks do is not the monitor's affair. So: a clock that the tests move, and a probe that does as it is told.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { Monitor, type MonitorOptions } from "../../../../src/backend/health/monitor.ts";
import { Targets } from "../../../../src/backend/targets.ts";
import type { Check, Target, TargetHealth, TargetSpec } from "../../../../src/core/backend.ts";
import { type EventMap, Events } from "../../../../src/core/events.ts";

const interval = 1000;

describe("the monitor", () => {
  beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout", "Date"] });
    // intervals in full, so that a test can say how many checks there were
    mock.method(Math, "random", () => 0);
  });

  afterEach(() => mock.reset());

  it("checks every target at once, and each once in every interval", async () => {
    using given = monitored({ targets: 3 });
    given.monitor.start();
    given.monitor.start();
    assert.deepEqual(given.checked, ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]);
    await given.pass(4);
    assert.equal(given.checked.length, 15);
  });

  it("lets two failures pass and calls the target down at the third: fall is 3", async () => {
    using given = monitored({ fall: 3 });
    given.works = false;
    given.monitor.start();
    await given.pass(1);
    assert.deepEqual(given.flips, []);
    await given.pass(1);
    assert.deepEqual(given.flips, ["up → down: 3 checks in a row have failed: it is told to"]);
    await given.pass(10);
    assert.equal(given.flips.length, 1, "a target that stays down is told of once");
  });

  it("calls the target up at the second check that passes: rise is 2", async () => {
    using given = monitored({ rise: 2, initial: "down" });
    given.monitor.start();
    await given.pass(0);
    assert.deepEqual(given.flips, []);
    await given.pass(1);
    assert.deepEqual(given.flips, ["down → up: 2 checks in a row have passed"]);
  });

  it("counts anew after every check that says otherwise", async () => {
    using given = monitored({ fall: 3, rise: 3 });
    given.monitor.start();
    for (const works of [false, false, true, false, false, true, false, false, true]) {
      given.works = works;
      await given.pass(1);
    }
    assert.deepEqual(given.flips, []);
    given.works = false;
    await given.pass(3);
    for (const works of [true, true, false, true, true, false]) {
      given.works = works;
      await given.pass(1);
    }
    assert.deepEqual(given.flips.length, 1);
  });

  it("leaves between 90 and 100 percent of the interval between two checks, by chance", async () => {
    mock.restoreAll();
    using given = monitored({ interval: 100 });
    given.monitor.start();
    for (let millisecond = 0; millisecond < 5000; millisecond++) {
      mock.timers.tick(1);
      await settled();
    }
    const gaps = given.times.slice(1).map((time, index) => time - (given.times[index] ?? 0));
    assert.ok(gaps.length >= 50 && gaps.every((gap) => gap >= 90 && gap <= 100), gaps.join());
    assert.ok(new Set(gaps).size > 3, gaps.join());
  });

  it("ends a check at its timeout, whether the probe listens or not, and delays no other target by it", async () => {
    using given = monitored({ targets: 2, timeout: 500, fall: 2 });
    given.hangs.add("10.0.0.1:80");
    given.monitor.start();
    await given.pass(3);
    assert.equal(given.checked.filter((target) => target === "10.0.0.2:80").length, 4);
    assert.deepEqual(given.flips, ["up → down: 2 checks in a row have failed: no connection within 500ms"]);
    const hung = given.signals.filter((_, index) => given.checked[index] === "10.0.0.1:80");
    assert.deepEqual(
      hung.map((signal) => signal.aborted),
      [true, true, true, false],
    );
  });

  it("never has two checks of a target at a time, and begins the next one at once when one took too long", async () => {
    using given = monitored({ timeout: 2500, fall: 1 });
    given.hangs.add("10.0.0.1:80");
    given.monitor.start();
    await given.pass(2);
    assert.equal(given.times.length, 1);
    mock.timers.tick(500);
    await settled();
    assert.deepEqual(given.times, [0, 2500]);
  });

  it("brings an ejected target back by one check that passes, and calls it down when they fail", async () => {
    using given = monitored({ targets: 2, rise: 5, fall: 2 });
    const [back, lost] = given.targets.all;
    assert.ok(back && lost);
    for (const target of [back, lost]) given.targets.setHealth(target, "ejected", "sessions failed");
    given.broken.add(lost.key);
    given.monitor.start();
    await given.pass(1);
    assert.deepEqual([back.health, lost.health], ["up", "down"]);
    assert.deepEqual(given.flips.slice(2), [
      "ejected → up: a check has passed",
      "ejected → down: 2 checks in a row have failed: it is told to",
    ]);
  });

  it("never undoes what the operator has said", async () => {
    using given = monitored({ rise: 1, fall: 1 });
    const [target] = given.targets.all;
    assert.ok(target);
    given.targets.setAdmin(target, "draining");
    given.works = false;
    given.monitor.start();
    await given.pass(1);
    given.works = true;
    await given.pass(2);
    assert.deepEqual([target.health, target.admin, given.flips.length], ["up", "draining", 2]);
  });

  it("checks targets that come as soon as they come, those that leave no more, and does not judge them", async () => {
    using given = monitored({ targets: 2, fall: 1, timeout: 500 });
    given.hangs.add("10.0.0.1:80");
    given.monitor.start();
    given.targets.reconcile([spec(2), spec(3)]);
    assert.deepEqual(given.checked, ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"]);
    assert.ok(given.signals[0]?.aborted);
    await given.pass(2);
    assert.deepEqual([given.flips, given.checked.length], [[], 7]);
  });

  it("stops everything when it is closed", async () => {
    using given = monitored({ targets: 2, fall: 1 });
    given.hangs.add("10.0.0.1:80");
    given.monitor.start();
    await settled();
    given.works = false;
    given.monitor.close();
    given.monitor.close();
    await given.pass(5);
    assert.deepEqual([given.checked.length, given.flips], [2, []]);
    assert.ok(given.signals.every((signal) => signal.aborted));
  });
});

interface Given extends Partial<MonitorOptions> {
  readonly targets?: number;
  readonly timeout?: number;
  readonly initial?: TargetHealth;
}

function monitored({ targets: count = 1, timeout = 900, initial = "up", ...options }: Given) {
  const start = Date.now();
  const events = new Events();
  const flips: string[] = [];
  events.on("target.health", ({ from, to, reason }: EventMap["target.health"]) => {
    flips.push(`${from} → ${to}: ${reason}`);
  });
  const specs = Array.from({ length: count }, (_, index) => spec(index + 1));
  const targets = new Targets({ backend: "test", specs, events, slowStart: 0, initial });
  const given = {
    works: true,
    broken: new Set<string>(),
    hangs: new Set<string>(),
    /** The targets in the order of their checks, and when each check began. */
    checked: [] as string[],
    times: [] as number[],
    signals: [] as AbortSignal[],
    flips,
    targets,
  };
  const probe = {
    async check(target: Target, { signal }: Check) {
      given.checked.push(target.key);
      given.times.push(Date.now() - start);
      given.signals.push(signal);
      if (given.hangs.has(target.key)) await new Promise(() => {});
      if (!given.works || given.broken.has(target.key)) throw new Error("it is told to");
    },
  };
  const stages = () => [];
  const setup = { interval, rise: 2, fall: 3, ...options };
  const monitor = new Monitor({ ...setup, backend: "test", probe, stages, timeout, targets });
  return Object.assign(given, {
    monitor,
    /** Lets so many intervals go by. */
    async pass(intervals: number) {
      await settled();
      for (let step = 0; step < intervals; step++) {
        mock.timers.tick(setup.interval / 2);
        await settled();
        mock.timers.tick(setup.interval / 2);
        await settled();
      }
    },
    [Symbol.dispose]: () => monitor.close(),
  });
}

function spec(number: number): TargetSpec {
  return { address: { kind: "tcp", host: `10.0.0.${number}`, port: 80 }, weight: 1 };
}

/** Lets every promise settle that can. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
