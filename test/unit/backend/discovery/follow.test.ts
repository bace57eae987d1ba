// What finds targets fails sooner or later. A backend must then go on with what it knew, say so once, and ask again at
// decent intervals: the same for every provider, so tried with one that does as it is told.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { Follow } from "../../../../src/backend/discovery/follow.ts";
import { Targets } from "../../../../src/backend/targets.ts";
import type { TargetSpec } from "../../../../src/core/backend.ts";
import { Events } from "../../../../src/core/events.ts";

describe("following a provider", () => {
  beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout"] });
    // pauses in full
    mock.method(Math, "random", () => 0);
  });
  afterEach(() => mock.reset());

  it("makes targets of what it finds, and takes the next set over by their keys", async () => {
    using given = following([[set("a", "b"), set("b", "c")]]);
    await given.follow.start();
    assert.deepEqual(given.keys(), ["a:80", "b:80"]);
    const kept = given.targets.get("b:80");
    assert.ok(kept);
    given.targets.setHealth(kept, "down", "test");
    await given.next();
    assert.deepEqual(given.keys(), ["b:80", "c:80"]);
    assert.equal(given.targets.get("b:80"), kept);
    assert.equal(kept.health, "down");
    assert.deepEqual(given.told, ["+a:80 +b:80", "+c:80 -a:80"]);
  });

  it("puts targets that the configuration names in front, and never takes them away", async () => {
    using given = following([[set("a", "fixed"), set()]], set("fixed"));
    assert.deepEqual(given.keys(), ["fixed:80"]);
    await given.follow.start();
    assert.deepEqual(given.keys(), ["fixed:80", "a:80"]);
    await given.next();
    assert.deepEqual(given.keys(), ["fixed:80"]);
  });

  it("keeps the last set while the provider fails, tells of it once, and of its end once", async () => {
    using given = following([
      [set("a"), new Error("gone")],
      [new Error("still")],
      [new Error("still")],
      [set("b")],
    ]);
    await given.follow.start();
    await given.next();
    assert.deepEqual([given.keys(), given.told], [["a:80"], ["+a:80", "failed: gone"]]);
    for (const pause of [1000, 2000, 4000]) await given.pass(pause);
    assert.deepEqual(given.keys(), ["b:80"]);
    assert.deepEqual(given.told, ["+a:80", "failed: gone", "recovered", "+b:80 -a:80"]);
  });

  it("starts a provider anew after 1s, and after twice as long each time up to 30s", async () => {
    using given = following(Array.from({ length: 20 }, () => [new Error("no")]));
    await given.follow.start();
    for (const pause of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
      const before = given.starts;
      await given.pass(pause - 1);
      assert.equal(given.starts, before, `${pause}`);
      await given.pass(1);
      assert.equal(given.starts, before + 1, `${pause}`);
    }
    assert.deepEqual(given.told, ["failed: no"]);
  });

  it("takes an end of the provider for a failure", async () => {
    using given = following([[set("a"), "end"], [set("b")]]);
    await given.follow.start();
    await given.next();
    assert.deepEqual([given.keys(), given.told.at(-1)], [["a:80"], "failed: the provider has ended"]);
    await given.pass(1000);
    assert.deepEqual(given.keys(), ["b:80"]);
  });

  it("is over when it is closed: nothing is asked, nothing told, the last set stays", async () => {
    using given = following([[set("a"), set("b")]]);
    await given.follow.start();
    given.follow.close();
    given.follow.close();
    await given.next();
    await given.pass(100_000);
    assert.deepEqual([given.keys(), given.told, given.starts], [["a:80"], ["+a:80"], 1]);
  });
});

type Step = readonly TargetSpec[] | Error | "end";

/** @param runs what the provider does each time it is started; every step but the first waits for `next` */
function following(runs: readonly (readonly Step[])[], fixed: readonly TargetSpec[] = []) {
  const events = new Events();
  const told: string[] = [];
  events.on("backend.changed", ({ added, removed }) => {
    told.push([...added.map((key) => `+${key}`), ...removed.map((key) => `-${key}`)].join(" "));
  });
  events.on("provider.failed", ({ reason }) => told.push(`failed: ${reason}`));
  events.on("provider.recovered", () => told.push("recovered"));
  const targets = new Targets({ backend: "test", specs: fixed, events, slowStart: 0, initial: "up" });
  let waiting = Promise.withResolvers<void>();
  const given = {
    starts: 0,
    told,
    targets,
    keys: () => targets.all.map(({ key }) => key),
    next: async () => {
      waiting.resolve();
      waiting = Promise.withResolvers();
      await settled();
    },
    pass: async (milliseconds: number) => {
      mock.timers.tick(milliseconds);
      await settled();
    },
  };
  const provider = {
    async *watch(signal: AbortSignal) {
      const steps = runs[given.starts++] ?? [];
      for (const [index, step] of steps.entries()) {
        if (index > 0) await waiting.promise;
        if (step === "end" || signal.aborted) return;
        if (step instanceof Error) throw step;
        yield step;
      }
      await new Promise(() => {});
    },
  };
  const follow = new Follow({ backend: "test", provider, fixed, targets, events });
  return Object.assign(given, { follow, [Symbol.dispose]: () => follow.close() });
}

function set(...hosts: readonly string[]): readonly TargetSpec[] {
  return hosts.map((host) => ({ address: { kind: "tcp", host, port: 80 }, weight: 1 }));
}

/** Lets every promise settle that can. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
