// A slot that gets lost once a day stops a tunnel after a month; a queue out of order lets the impatient go first. So the
// whole of it is held against a model that does nothing but count.
import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import fc from "fast-check";
import { SessionError } from "../../../src/core/outcome.ts";
import { Session } from "../../../src/core/session.ts";
import { Limits, type LimitsOptions } from "../../../src/frontend/limits.ts";

type State = "pending" | "in" | "out";

/** A connection that does nothing but come and go. */
class Connection {
  readonly session = new Session({
    tunnel: "test",
    client: { kind: "unix", path: "" },
    local: { kind: "unix", path: "" },
  });
  readonly stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
  state: State = "pending";
  error: unknown;

  enter(limits: Limits): void {
    this.stream.on("close", () => this.session.abort("client-reset", "the client left"));
    limits.stage(this.session, this.stream).then(
      () => {
        this.state = "in";
      },
      (error) => {
        this.state = "out";
        this.error = error;
        this.stream.destroy();
      },
    );
  }

  get label(): string | undefined {
    return this.error instanceof SessionError ? this.error.label : undefined;
  }
}

const unlimited: LimitsOptions = {
  connections: Number.POSITIVE_INFINITY,
  queue: 0,
  queueTimeout: 5000,
  mayEnd: true,
};

/** Lets everything happen that is not a timer. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

async function come(limits: Limits, count = 1): Promise<Connection[]> {
  const connections = Array.from({ length: count }, () => new Connection());
  for (const connection of connections) connection.enter(limits);
  await settled();
  return connections;
}

const states = (connections: readonly Connection[]) => connections.map(({ state }) => state);

describe("limits", () => {
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"] }));
  afterEach(() => mock.timers.reset());

  it("let in as many as there are slots, and refuse the next", async () => {
    const limits = new Limits({ ...unlimited, connections: 2 });
    const [first, ...others] = await come(limits, 3);
    assert.deepEqual(states(others), ["in", "out"]);
    assert.equal(others[1]?.label, "connections");
    first?.stream.destroy();
    await settled();
    assert.deepEqual(states(await come(limits, 2)), ["in", "out"]);
  });

  it("keep the order of those who wait, and refuse when too many do", async () => {
    const limits = new Limits({ ...unlimited, connections: 1, queue: 2 });
    const [a, b, c, d] = await come(limits, 4);
    assert.deepEqual([a?.state, b?.state, c?.state, d?.state], ["in", "pending", "pending", "out"]);
    assert.equal(d?.label, "queue");
    assert.equal(limits.waiting, 2);
    a?.stream.destroy();
    await settled();
    assert.deepEqual([b?.state, c?.state, limits.waiting], ["in", "pending", 1]);
  });

  it("let nobody wait for longer than the timeout", async () => {
    const limits = new Limits({ ...unlimited, connections: 1, queue: 2 });
    const [, waiting] = await come(limits, 2);
    mock.timers.tick(4999);
    await settled();
    assert.equal(waiting?.state, "pending");
    mock.timers.tick(1);
    await settled();
    assert.deepEqual([waiting?.state, waiting?.label, limits.waiting], ["out", "queue-timeout", 0]);
  });

  it("forget at once who leaves while he waits: reset, ended without a word, or killed", async () => {
    const limits = new Limits({ ...unlimited, connections: 1, queue: 10 });
    const [first, reset, ended, killed, patient] = await come(limits, 5);
    reset?.stream.destroy();
    ended?.stream.push(null);
    killed?.session.abort("killed", "killed");
    await settled();
    assert.deepEqual([reset?.state, ended?.state, killed?.state, limits.waiting], ["out", "out", "out", 1]);
    first?.stream.destroy();
    await settled();
    assert.equal(patient?.state, "in");
  });

  it("keep a client that has sent everything and waits for its answer, unless it must still shake hands", async () => {
    for (const mayEnd of [true, false]) {
      const limits = new Limits({ ...unlimited, mayEnd, connections: 1, queue: 1 });
      const [, waiting] = await come(limits, 2);
      waiting?.stream.push("request");
      waiting?.stream.push(null);
      await settled();
      assert.equal(waiting?.state, mayEnd ? "pending" : "out");
      assert.equal(waiting?.stream.destroyed, !mayEnd);
    }
  });

  it("let connections in at their rate, in order", async () => {
    const rate = { count: 50, per: 1000, burst: 10, now: Date.now };
    const limits = new Limits({ ...unlimited, rate, queue: 1000, queueTimeout: 60_000 });
    const connections = await come(limits, 200);
    const inside = () => states(connections).filter((state) => state === "in").length;
    assert.equal(inside(), 10);
    for (let second = 1; second <= 3; second++) {
      for (let tick = 0; tick < 100; tick++) {
        mock.timers.tick(10);
        await settled();
      }
      assert.ok(Math.abs(inside() - 10 - 50 * second) <= 5 * second, `${inside()} after ${second} s`);
      assert.deepEqual(
        states(connections),
        connections.map((_, index) => (index < inside() ? "in" : "pending")),
      );
    }
  });

  it("refuse what comes faster than the rate when there is no queue", async () => {
    const limits = new Limits({ ...unlimited, rate: { count: 1, per: 1000, burst: 2, now: Date.now } });
    const connections = await come(limits, 3);
    assert.deepEqual(states(connections), ["in", "in", "out"]);
    assert.equal(connections[2]?.label, "rate");
    mock.timers.tick(1000);
    assert.deepEqual(states(await come(limits, 2)), ["in", "out"]);
  });

  it("do what their model does, whatever happens", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 0, max: 4 }),
        fc.array(fc.tuple(fc.constantFrom("come", "close", "leave", "timeout"), fc.nat({ max: 3 })), {
          maxLength: 60,
        }),
        async (slots, places, steps) => {
          const limits = new Limits({ ...unlimited, connections: slots, queue: places });
          let inside: Connection[] = [];
          let waiting: Connection[] = [];
          const gone: Connection[] = [];
          const part = (list: Connection[], index: number) => {
            const [one] = list.splice(index, 1);
            if (one) gone.push(one);
            return one;
          };
          for (const [step, index] of steps) {
            if (step === "come") {
              const [newcomer] = await come(limits);
              if (newcomer)
                (inside.length < slots ? inside : waiting.length < places ? waiting : gone).push(newcomer);
            } else if (step === "close") part(inside, index)?.stream.destroy();
            else if (step === "leave") part(waiting, index)?.stream.destroy();
            else {
              mock.timers.tick(unlimited.queueTimeout);
              gone.push(...waiting);
              waiting = [];
            }
            const admitted = waiting.splice(0, slots - inside.length);
            inside = [...inside, ...admitted];
            await settled();
            assert.equal(limits.waiting, waiting.length);
            assert.ok(inside.every(({ state }) => state === "in"));
            assert.ok(waiting.every(({ state }) => state === "pending"));
          }
          for (const connection of [...inside, ...waiting]) connection.stream.destroy();
          await settled();
          assert.deepEqual(states(await come(limits, slots)), Array(slots).fill("in"));
        },
      ),
      { numRuns: 150 },
    );
  });
});
