/**
 * Balancing as clients meet it: who serves them, in which order, and what happens when targets are dead. The worst that the
 * predecessor did was to spin while nothing answered: a client that hammers must cost what it costs, and nothing must run on after.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, suite, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startNamed, type TestTarget } from "../support/echo.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { freePort } from "../support/ports.ts";
import { visit } from "../support/visit.ts";

suite("a tunnel to several targets", () => {
  const targets: TestTarget[] = [];
  const dead: number[] = [];
  let program: Instance;

  before(async () => {
    for (const name of ["a", "b", "c"]) targets.push(await startNamed(name));
    for (let count = 0; count < 3; count++) dead.push(await freePort());
    const [a, b, c] = targets.map(({ port }) => port);
    const weighted = [a, b, c].map((port, index) => `{ address: ${port}, weight: ${index + 1} }`);
    const tunnel = (name: string, list: readonly unknown[], more = "") =>
      `\n  ${name}: { frontend: "127.0.0.1:0", backend: { targets: [ ${list.join(", ")} ]${more} } }`;
    const noEjection = ", passive: { failures: 0 }";
    program = await startInstance(`
tunnels:
  one: { frontend: "127.0.0.1:0", backend: shared }
  other: { frontend: "127.0.0.1:0", backend: shared }${[
    tunnel("equal", [a, b, c]),
    tunnel("weighted", weighted),
    tunnel("random", [a, b, c], ", balance: random"),
    tunnel("first-dead", [dead[0], a, b], noEjection),
    tunnel("first-dead-ejected", [dead[0], a, b]),
    tunnel("once", [dead[0], a], `${noEjection}, connect: { attempts: 1 }`),
    tunnel("all-dead", dead, noEjection),
  ].join("")}
backends:
  shared: [ ${a}, ${b}, ${c} ]`);
  });

  after(async () => {
    await program[Symbol.asyncDispose]();
    for (const target of targets) await target.close();
  });

  /** Who served `count` clients, one after the other. */
  async function served(tunnel: string, count: number): Promise<string> {
    let names = "";
    for (let index = 0; index < count; index++) {
      const { text } = await visit(program.port(tunnel));
      names += /^([abc])\nhello$/.exec(text)?.[1] ?? "-";
    }
    return names;
  }

  test("serves clients in turns, the first target first", async () => {
    assert.equal(await served("equal", 7), "abcabca");
  });

  test("gives a target as many successive clients as it has weight", async () => {
    assert.equal(await served("weighted", 13), "abbcccabbccca");
  });

  test("balances tunnels that share a backend together", async () => {
    const names: string[] = [];
    for (const tunnel of ["one", "other", "one", "other", "other", "one"])
      names.push(await served(tunnel, 1));
    assert.equal(names.join(""), "abcabc");
  });

  test("serves every client when drawing targets by chance", async () => {
    assert.match(await served("random", 30), /^[abc]{30}$/);
  });

  test("serves every client although the first target is dead", async () => {
    assert.match(await served("first-dead", 12), /^[ab]{12}$/);
    const sessions = await program.sessions(12, "first-dead");
    for (const { outcome, attempts, target } of sessions) {
      assert.equal(outcome, "completed");
      assert.ok(attempts === 1 || attempts === 2);
      assert.notEqual(target, `127.0.0.1:${dead[0]}`);
    }
  });

  test("stops asking a target that has failed several times in a row", async () => {
    assert.match(await served("first-dead-ejected", 20), /^[ab]{20}$/);
    const sessions = await program.sessions(20, "first-dead-ejected");
    assert.equal(sessions.filter(({ attempts }) => attempts === 2).length, 3);
  });

  test("tries no more targets than connect.attempts says", async () => {
    assert.equal(await served("once", 4), "-a-a");
    const sessions = await program.sessions(4, "once");
    assert.deepEqual(
      sessions.map(({ outcome, attempts }) => `${outcome} ${attempts}`),
      ["connect-failed 1", "completed 1", "connect-failed 1", "completed 1"],
    );
  });

  test("closes clients at once when all targets are dead, each tried once, and stays calm", async () => {
    const { pid } = program;
    const earlier = cpuMilliseconds(pid);
    const started = performance.now();
    const count = 300;
    for (let done = 0; done < count; done += 10) {
      const visits = await Promise.all(Array.from({ length: 10 }, () => visit(program.port("all-dead"))));
      // a reset, so that no client takes it for an empty answer
      for (const { text, error } of visits) assert.deepEqual([text, error], ["", "ECONNRESET"]);
    }
    const elapsed = performance.now() - started;
    const sessions = await program.sessions(count, "all-dead");
    assert.deepEqual([...new Set(sessions.map(({ outcome }) => outcome))], ["connect-failed"]);
    const attempts = sessions.reduce((sum, session) => sum + session.attempts, 0);
    assert.equal(attempts, count * dead.length);
    for (const port of dead)
      assert.match(sessions[0]?.reason ?? "", new RegExp(`:${port}: connection refused`));
    // three refused connections and a log line: a fraction of a millisecond each; a retry loop would take whole seconds
    const used = cpuMilliseconds(pid) - earlier;
    assert.ok(used / count < 15, `${used} ms of CPU for ${count} clients in ${elapsed} ms`);
    // and nothing goes on once the clients are gone
    const before = cpuMilliseconds(pid);
    await delay(1000);
    const idle = cpuMilliseconds(pid) - before;
    assert.ok(idle < 200, `${idle} ms of CPU in a second without clients`);
  });
});

/** User and system time of a process (proc(5)), in ticks of a hundredth of a second. */
function cpuMilliseconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13);
  return (Number(user) + Number(system)) * 10;
}
