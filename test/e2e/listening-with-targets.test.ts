/**
 * In front of several machines, a balancer sends its clients elsewhere only when nobody listens here. So a frontend can be told
 * to listen only while there is somebody behind it; by default it goes on, and says no to each client.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type Instance, type LogLine, startInstance } from "../support/instance.ts";
import { startRevivable } from "../support/revivable.ts";
import { visit } from "../support/visit.ts";

const checks = "health: { type: tcp, interval: 50ms, timeout: 1s, rise: 1, fall: 1 }";

/** Waits for the log to say, for the `time`th time, that a tunnel listens or does not. */
function told(program: Instance, listening: boolean, time = 1): Promise<LogLine> {
  const isIt = (line: LogLine) => line.event === "frontend-listening" && line["listening"] === listening;
  return program.line(
    (line) => isIt(line) && program.lines.filter(isIt).length >= time,
    `that it ${listening ? "listens" : "does not listen"}`,
  );
}

suite("a frontend without a usable target", { concurrency: true }, () => {
  test("stops listening when it is told to, and begins again at the same place", async () => {
    await using target = await startRevivable((socket) => socket.pipe(socket));
    await using program = await startInstance(`
tunnels:
  web:
    frontend: { listen: [ "127.0.0.1:0", "unix:web.sock" ], acceptWithoutTargets: false }
    backend: { targets: [ ${target.port} ], ${checks} }`);
    const places = [program.address("web"), program.address("web", 1)];
    const visits = async () => {
      const all = await Promise.all(places.map((place) => visit(place, { say: "hello" })));
      return all.map(({ text, error }) => error ?? text);
    };
    assert.deepEqual(await visits(), ["hello", "hello"]);
    for (let time = 1; time <= 3; time++) {
      await target.stop();
      const stopped = await told(program, false, time);
      assert.deepEqual([stopped.level, stopped["reason"]], ["warn", "no target is usable"]);
      assert.deepEqual(await visits(), ["ECONNREFUSED", "ENOENT"]);
      await target.start();
      const again = await told(program, true, time);
      assert.deepEqual([again.level, again["reason"]], ["info", "a target is usable"]);
      assert.deepEqual(await visits(), ["hello", "hello"]);
    }
    await target.stop();
    await told(program, false, 4);
    assert.equal(await program.stop(), 0);
  });

  test("keeps the sessions that it has", async () => {
    await using target = await startRevivable((socket) => socket.pipe(socket));
    await using other = await startRevivable((socket) => socket.pipe(socket));
    await using program = await startInstance(`
tunnels:
  web:
    frontend: { listen: "127.0.0.1:0", acceptWithoutTargets: false }
    backend:
      targets: [ { address: ${target.port}, checkAddress: ${other.port} } ]
      ${checks}`);
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const { connect } = await import("node:net");
    const client = connect(program.port("web"), "127.0.0.1").on("error", () => {});
    client.write("before ");
    let text = "";
    client.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      if (text === "before after") resolve();
    });
    await new Promise((heard) => client.once("data", heard));
    await other.stop();
    await told(program, false);
    client.write("after");
    await done;
    client.destroy();
  });

  test("does not listen at first when its targets have yet to show that they work", async () => {
    await using target = await startRevivable((socket) => socket.pipe(socket));
    await target.stop();
    await using program = await startInstance(`
tunnels:
  web:
    frontend: { listen: "127.0.0.1:0", acceptWithoutTargets: false }
    backend: { targets: [ ${target.port} ], ${checks.replace("}", ", initial: down }")} }`);
    await told(program, false);
    assert.equal((await visit(program.port("web"))).error, "ECONNREFUSED");
    await target.start();
    await told(program, true);
    assert.equal((await visit(program.port("web"), { say: "here" })).text, "here");
  });

  test("goes on by default, and closes its clients", async () => {
    await using target = await startRevivable((socket) => socket.pipe(socket));
    await using program = await startInstance(`
tunnels: { web: { frontend: 127.0.0.1:0, backend: { targets: [ ${target.port} ], ${checks} } } }`);
    await target.stop();
    await program.line(({ event, to }) => event === "target-health" && to === "down");
    await visit(program.port("web"));
    const [line] = await program.sessions(1);
    assert.equal(line?.outcome, "no-target");
  });
});
