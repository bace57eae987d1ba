// The tests of shuttle about which backend gets a connection, under their names there, against this program. Its helper
// servers answer every read with their own address; ours answer every line with their name.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  askInTurn,
  askOnce,
  type Dialog,
  openDialog,
  startAnswering,
  startNamedTargets,
} from "../../support/dialogs.ts";
import { startInstance } from "../../support/instance.ts";
import { freePort } from "../../support/ports.ts";

interface Targets {
  readonly ports: readonly number[];
  readonly weights?: readonly number[];
  /** Further lines of the backend. */
  readonly backend?: readonly string[];
}

function start({ ports, weights = [], backend = [] }: Targets) {
  const targets = ports.map(
    (port, index) => `{ address: "127.0.0.1:${port}", weight: ${weights[index] ?? 1} }`,
  );
  return startInstance(`
tunnels:
  service:
    frontend: 127.0.0.1:0
    backend:
      targets: [${targets.join(", ")}]
${backend.map((line) => `      ${line}\n`).join("")}`);
}

suite("shuttle", () => {
  test("SingleBackend", async () => {
    await using targets = await startNamedTargets(1);
    await using instance = await start({ ports: targets.map(({ port }) => port) });
    assert.equal(await askOnce(instance.port("service")), "target-1");
  });

  test("RoundRobin", async () => {
    await using targets = await startNamedTargets(2);
    await using instance = await start({ ports: targets.map(({ port }) => port) });
    assert.deepEqual(await askInTurn(instance.port("service"), 4), named([1, 2, 1, 2]));
  });

  test("WeightedRoundRobin", async () => {
    await using targets = await startNamedTargets(3);
    await using instance = await start({ ports: targets.map(({ port }) => port), weights: [1, 2, 3] });
    assert.deepEqual(await askInTurn(instance.port("service"), 7), named([1, 2, 2, 3, 3, 3, 1]));
  });

  // there the third backend is added while the program runs; here it is in the list, and comes to life
  test("LeastConn", async () => {
    await using targets = await startNamedTargets(2);
    const third = await freePort();
    await using instance = await start({
      ports: [...targets.map(({ port }) => port), third],
      backend: ["balance: least-connections", "passive: { failures: 0 }"],
    });
    using held = new DisposableStack();
    const hold = async () => held.use(await openDialog(instance.port("service"))).ask("testing");
    assert.deepEqual([await hold(), await hold(), await hold(), await hold()], named([1, 2, 1, 2]));
    await using _ = await startAnswering(() => "target-3", { port: third });
    assert.deepEqual([await hold(), await hold()], named([3, 3]));
  });

  test("ConnectAny", async () => {
    await using targets = await startNamedTargets(2);
    const [first, second] = targets;
    await using instance = await start({ ports: targets.map(({ port }) => port) });
    await first?.stop();
    assert.equal(await askOnce(instance.port("service")), "target-2");
    const [session] = await instance.sessions(1);
    assert.deepEqual([session?.attempts, session?.target], [2, `127.0.0.1:${second?.port}`]);
    assert.ok(!instance.lines.some(({ event }) => event === "target-health"));
  });

  // there each of the four also adds a backend of its own
  test("Parallel", async () => {
    await using targets = await startNamedTargets(4);
    await using instance = await start({ ports: targets.map(({ port }) => port) });
    const port = instance.port("service");
    const one = async () => {
      for (let count = 0; count < 100; count++) assert.match(await askOnce(port), /^target-[1-4]$/);
      using dialog = await openDialog(port);
      return await pingPong(dialog, 1000);
    };
    for (const answers of await Promise.all([one(), one(), one(), one()])) assert.equal(answers.size, 1);
    const sessions = await instance.sessions(404);
    assert.equal(sessions.filter(({ outcome }) => outcome === "connect-failed").length, 0);
    for (const { port: target } of targets)
      assert.equal(sessions.filter((session) => session.target === `127.0.0.1:${target}`).length, 101);
  });
});

/** The answers, each one once. */
async function pingPong(dialog: Dialog, times: number): Promise<Set<string>> {
  const answers = new Set<string>();
  for (let count = 0; count < times; count++) answers.add(await dialog.ask("ping"));
  return answers;
}

function named(numbers: readonly number[]): string[] {
  return numbers.map((number) => `target-${number}`);
}
