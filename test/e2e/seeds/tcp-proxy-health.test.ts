/**
 * tcp-proxy's own tests of its health checks and of an empty registry, against this program and from outside. The names
 * are the originals'. The flapping tests drive real checks with a target that answers from a script.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { flipped, flips, samples, startPatient } from "../../support/health.ts";
import { type Instance, startInstance } from "../../support/instance.ts";
import { freePort } from "../../support/ports.ts";
import { startRevivable } from "../../support/revivable.ts";
import { sessionOf, visit } from "../../support/visit.ts";

const start = (port: number, health: string) =>
  startInstance(`
metrics: { listen: "127.0.0.1:0" }
tunnels: { test: { frontend: "127.0.0.1:0", backend: { targets: [ ${port} ], health: ${health} } } }`);

suite("tcp-proxy", { concurrency: 4 }, () => {
  test("HealthFlappingAboveThreshold: three failures make a backend unhealthy once, three passes healthy once", async () => {
    await using backend = await startPatient([200, 500, 500, 500, 200, 200, 200]);
    await using program = await start(
      backend.port,
      "{ type: http, interval: 20ms, timeout: 10s, rise: 3, fall: 3 }",
    );
    await backend.answered(20);
    const told = await flipsAtTheEnd(program, backend.port);
    assert.deepEqual(told, [
      "up → down: 3 checks in a row have failed: status 500 instead of 200-399",
      "down → up: 3 checks in a row have passed",
    ]);
  });

  test("HealthFlappingBelowThreshold: five times two failures and two passes change nothing", async () => {
    const script = Array.from({ length: 5 }, () => [500, 500, 200, 200]).flat();
    await using backend = await startPatient(script);
    await using program = await start(
      backend.port,
      "{ type: http, interval: 20ms, timeout: 10s, rise: 3, fall: 3 }",
    );
    await backend.answered(script.length + 5);
    assert.deepEqual(await flipsAtTheEnd(program, backend.port), []);
  });

  test("TCPHealthCheckOk: a backend that accepts connections is healthy", async () => {
    await using backend = await startRevivable((socket) => socket.resume().end());
    await using program = await start(
      backend.port,
      "{ interval: 20ms, timeout: 10s, initial: down, rise: 3 }",
    );
    assert.equal(await flipped(program, backend.port, "up"), "3 checks in a row have passed");
  });

  test("TCPHealthCheckFail: a backend that refuses connections is not", async () => {
    const port = await freePort();
    await using program = await start(port, "{ interval: 20ms, timeout: 10s, fall: 3 }");
    const reason = await flipped(program, port, "down");
    assert.equal(reason, "3 checks in a row have failed: connection refused (ECONNREFUSED)");
  });

  for (const algorithm of ["random", "power-of-two"])
    test(`NoHealthyBackendsReturnsError: ${algorithm}`, async () => {
      const [one, two] = [await freePort(), await freePort()];
      await using program = await startInstance(`
metrics: { listen: "127.0.0.1:0" }
tunnels:
  test:
    frontend: "127.0.0.1:0"
    backend: { targets: [ ${one}, ${two} ], balance: ${algorithm}, health: { interval: 20ms, timeout: 10s } }`);
      for (const port of [one, two]) await flipped(program, port, "down");
      const visited = await visit(program.port("test"));
      const { outcome, reason, level } = await sessionOf(program, visited);
      assert.deepEqual([visited.text, outcome, level], ["", "no-target", "error"]);
      assert.equal(reason, "backend test: no usable target");
      assert.deepEqual(Object.values(await samples(program, "equilibria_target_up")), [0, 0]);
    });
});

/** Everything that was told of a target, once the program has written all of it. */
async function flipsAtTheEnd(program: Instance, port: number): Promise<readonly string[]> {
  await program.stop();
  return flips(program, port).map(({ from, to, reason }) => `${from} → ${to}: ${reason}`);
}
