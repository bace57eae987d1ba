// What a backend relies on, whichever balancer it has: those of the program and one of a user's own. A user's module
// that keeps none of it must not be noticed by anybody but the operator.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { guarded } from "../../src/backend/balancers/guarded.ts";
import { LiveTarget } from "../../src/backend/target.ts";
import { plugins } from "../../src/config/plugins.ts";
import { loadWithPlugins } from "../../src/config/user-plugins.ts";
import type { Balancer, Target } from "../../src/core/backend.ts";
import { type EventMap, Events } from "../../src/core/events.ts";
import { countsOf, picks, seededRandom, sessionFrom, targetsOf } from "../support/balancing.ts";
import { writeFiles } from "../support/certificates.ts";
import { canaryConfiguration, canaryModule } from "../support/own-balancer.ts";

interface Implementation {
  readonly title: string;
  /** Whether targets share the sessions by weight. */
  readonly weighted: boolean;
  create(events?: Events): Balancer;
}

const builtIn: readonly (readonly [name: string, options: Record<string, unknown>])[] = [
  ["round-robin", {}],
  ["random", {}],
  ["least-connections", {}],
  ["least-connections", { ties: "shuffled" }],
  ["power-of-two", {}],
  ["error-weighted", {}],
  ["consistent-hash", { key: "client" }],
  ["consistent-hash", { key: "server-name" }],
];

it("no balancer of the program is left out here", () => {
  const tried = new Set(builtIn.map(([name]) => name));
  assert.deepEqual(
    plugins.balancers.map(({ name }) => name).filter((name) => !tried.has(name)),
    [],
  );
});

for (const [name, options] of builtIn)
  balancerContract({
    title: [name, ...Object.values(options)].join(", "),
    weighted: true,
    create: () => {
      const plugin = plugins.balancers.find((one) => one.name === name);
      assert.ok(plugin);
      return plugin.create(plugin.options.parse(options));
    },
  });

describe("a user's module", () => {
  let files: ReturnType<typeof writeFiles>;
  let create: (events: Events) => Balancer;
  before(async () => {
    files = writeFiles({ "tunnels.yaml": canaryConfiguration, "canary.ts": canaryModule });
    const file = files.path("tunnels.yaml");
    const loaded = await loadWithPlugins({ file }, { env: {}, ...plugins });
    const plugin = loaded.plugins.balancers.at(-1);
    assert.ok(plugin?.file);
    const options = plugin.options.parse({ target: "10.0.0.1:2", percent: 20 });
    const { name, file: module } = plugin;
    create = (events) => guarded(plugin.create(options), { plugin: name, file: module, events });
  });
  after(() => files[Symbol.dispose]());
  balancerContract({ title: "canary", weighted: false, create: (events = new Events()) => create(events) });

  it("never had round robin choose for it", () => {
    const events = new Events();
    const failures: EventMap["plugin.failed"][] = [];
    events.on("plugin.failed", (event) => failures.push(event));
    picks(create(events), targetsOf(1, 1, 1), 100);
    assert.deepEqual(failures, []);
  });
});

const bad: Readonly<Record<string, (candidates: Target[]) => unknown>> = {
  throws: () => {
    throw new Error("broken");
  },
  "throws what is no error": () => {
    throw Object.create(null);
  },
  "returns nothing": () => undefined,
  "returns an index": () => 0,
  "returns a copy": (candidates) => ({ ...candidates[0] }),
  "returns a promise": async (candidates) => candidates[0],
  "returns a promise that rejects": async () => {
    throw new Error("later");
  },
  "returns another target": () => new LiveTarget({ address: { kind: "unix", path: "/x" }, weight: 1 }),
  "empties its list": (candidates) => candidates.splice(0).at(99),
};

for (const [title, pick] of Object.entries(bad))
  describe(`a user's balancer that ${title}`, () => {
    const create = (events = new Events()) =>
      guarded({ pick: pick as Balancer["pick"] }, { plugin: "bad", file: "/bad.ts", events });
    balancerContract({ title: "guarded", weighted: true, create });

    it("is told of each time, and round robin chooses", () => {
      const events = new Events();
      const failures: EventMap["plugin.failed"][] = [];
      events.on("plugin.failed", (event) => failures.push(event));
      assert.deepEqual(picks(create(events), targetsOf(1, 2, 1), 6), [1, 2, 2, 3, 1, 2]);
      assert.equal(failures.length, 6);
      for (const { plugin, reason } of failures) assert.ok(plugin === "bad" && reason.length > 3, reason);
    });
  });

function balancerContract({ title, weighted, create }: Implementation): void {
  describe(`${title} keeps the contract:`, () => {
    it("it returns one of the candidates, whatever their state, and leaves them alone", () => {
      fc.assert(
        fc.property(states, fc.ipV4(), fc.option(fc.domain()), (list, host, serverName) => {
          const targets = list.map(targetWith);
          const before = structuredClone(list.map((_, index) => ({ ...targets[index] })));
          const session = sessionFrom(host);
          if (serverName !== null) session.serverName = serverName;
          const balancer = create();
          const candidates = [...targets];
          for (let count = 0; count < 5; count++)
            assert.ok(targets.includes(balancer.pick(candidates, session) as LiveTarget));
          assert.deepEqual(candidates, targets);
          assert.deepEqual(
            targets.map((target) => ({ ...target })),
            before,
          );
        }),
        { numRuns: 50 },
      );
    });

    it("it can do with candidates that are others each time, as they fail, come and go", () => {
      fc.assert(
        fc.property(
          fc.array(fc.uniqueArray(fc.nat({ max: 7 }), { minLength: 1 }), { minLength: 1 }),
          (rounds) => {
            const all = targetsOf(1, 2, 3, 1, 1, 5, 1, 9);
            const balancer = create();
            for (const positions of rounds) {
              const candidates = all.filter((_, index) => positions.includes(index));
              assert.ok(candidates.includes(balancer.pick(candidates, sessionFrom()) as LiveTarget));
            }
          },
        ),
        { numRuns: 50 },
      );
    });

    it("it knows clients without an address and without a server name", () => {
      const session = sessionFrom();
      session.client = { kind: "unix", path: "" };
      const targets = targetsOf(1, 1, 1);
      assert.ok(targets.includes(create().pick(targets, session) as LiveTarget));
    });

    it("it leaves no target out", () => {
      using _ = seededRandom(1);
      const counts = countsOf(picksByName(create(), targetsOf(1, 1, 1, 1), 400), 4);
      assert.ok(Math.min(...counts) > 50, `${counts}`);
    });

    it("it shares nothing with the balancer of another backend", () => {
      const sequence = () => {
        using _ = seededRandom(5);
        return picksByName(create(), targetsOf(1, 2, 3), 50);
      };
      const first = sequence();
      picksByName(create(), targetsOf(3, 1), 7);
      assert.deepEqual(sequence(), first);
    });

    if (weighted)
      it("it gives a target of three times the weight about three times the sessions", () => {
        using _ = seededRandom(9);
        const [light = 0, heavy = 0] = countsOf(picksByName(create(), targetsOf(1, 3), 1000), 2);
        assert.ok(heavy / light > 2.3 && heavy / light < 3.9, `${light} ${heavy}`);
      });
  });
}

const states = fc.array(
  fc.record({
    weight: fc.integer({ min: 1, max: 1000 }),
    active: fc.nat({ max: 10_000 }),
    errorScore: fc.nat({ max: 100 }),
  }),
  { minLength: 1, maxLength: 12 },
);

function targetWith(
  { weight, ...state }: { weight: number; active: number; errorScore: number },
  index: number,
): LiveTarget {
  const address = { kind: "tcp", host: "10.0.0.1", port: index + 1 } as const;
  return Object.assign(new LiveTarget({ address, weight }), state);
}

/** Like `picks`, with another server name for each session. */
function picksByName(balancer: Balancer, candidates: readonly LiveTarget[], count: number): number[] {
  let index = 0;
  return picks(
    {
      pick: (list, session) => {
        session.serverName = `host-${index++}.example.com`;
        return balancer.pick(list, session);
      },
    },
    candidates,
    count,
  );
}
