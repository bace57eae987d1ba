/**
 * shuttle's own tests of its health checks, against this program and from outside. The names are the originals'; what they
 * asserted through the admin API (`up`, `check_fail`) is read from the log and the metrics. Where shuttle ignored rise
 * and fall, the numbers hold here.
 */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { suite, test } from "node:test";
import { flipped, flips, samples } from "../../support/health.ts";
import { startInstance } from "../../support/instance.ts";
import { type Revivable, startRevivable } from "../../support/revivable.ts";
import { sessionOf, visit } from "../../support/visit.ts";

suite("shuttle", { concurrency: 3 }, () => {
  test("FailedCheck: a stopped backend is down, clients get an end with no bytes; restarted it is up", async () => {
    await using backend = await startNaming("backend");
    await using program = await start([backend], "{ interval: 50ms, fall: 1, rise: 1 }");
    const up = async () => Object.values(await samples(program, "equilibria_target_up"));
    assert.deepEqual(await up(), [1]);
    await backend.stop();
    await flipped(program, backend.port, "down");
    assert.deepEqual(await up(), [0]);
    // as the original, it only reads: bytes that nobody takes would make the end a reset
    const visited = await visit(program.port("test"), { say: "" });
    assert.deepEqual([visited.text, visited.error], ["", undefined]);
    assert.equal((await sessionOf(program, visited)).outcome, "no-target");
    await backend.start();
    await flipped(program, backend.port, "up");
    assert.deepEqual(await up(), [1]);
    assert.equal((await visit(program.port("test"))).text, "backend");
    assert.deepEqual(
      flips(program, backend.port).map(({ to }) => to),
      ["down", "up"],
    );
  });

  test("ConnectAny: a backend that is gone but not yet down costs the client nothing", async () => {
    await using gone = await startNaming("0");
    await using other = await startNaming("1");
    await using program = await start([gone, other], "{ interval: 1h, fall: 2 }");
    await gone.stop();
    assert.deepEqual(Object.values(await samples(program, "equilibria_target_up")), [1, 1]);
    // a third failure would eject it, which is another matter
    for (let time = 0; time < 2; time++) assert.equal((await visit(program.port("test"))).text, "1");
    assert.deepEqual(flips(program, gone.port), []);
  });

  test("UpdateBackend: a backend without checks stays up when it stops, and no check is counted", async () => {
    await using unchecked = await startNaming("unchecked");
    await using witness = await startNaming("witness");
    await using program = await startInstance(`
metrics: { listen: "127.0.0.1:0" }
tunnels:
  test: { frontend: "127.0.0.1:0", backend: { targets: [ ${unchecked.port} ], health: { interval: 0, fall: 1 } } }
  witness: { frontend: "127.0.0.1:0", backend: { targets: [ ${witness.port} ], health: { interval: 20ms, fall: 1 } } }`);
    await unchecked.stop();
    await witness.stop();
    await flipped(program, witness.port, "down");
    const up = await samples(program, "equilibria_target_up");
    assert.equal(up[`tunnel="test",target="127.0.0.1:${unchecked.port}"`], 1);
    assert.deepEqual([unchecked.accepted, flips(program, unchecked.port)], [0, []]);
  });
});

function startNaming(name: string): Promise<Revivable> {
  return startRevivable((socket: Socket) => {
    socket.on("end", () => socket.end(name));
    socket.resume();
  });
}

function start(backends: readonly Revivable[], health: string) {
  const targets = backends.map(({ port }) => port).join(", ");
  return startInstance(`
metrics: { listen: "127.0.0.1:0" }
tunnels:
  test: { frontend: "127.0.0.1:0", backend: { targets: [ ${targets} ], health: ${health} } }`);
}
