/**
 * A process without file descriptors accepts and closes connections unseen, cannot dial its targets, cannot answer a metrics
 * request, and often spins. So it never gets there: it turns away what it cannot carry, says so, and recovers by itself.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import { startEcho } from "../support/echo.ts";
import { samples } from "../support/health.ts";
import { startInstance } from "../support/instance.ts";
import { type Knock, knock, leave } from "../support/knock.ts";
import { requires } from "../support/requires.ts";
import { visit } from "../support/visit.ts";

/** Processor time that a process has used, in seconds. */
function processorTime(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  // utime and stime, in ticks of 10 ms (proc_pid_stat(5))
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

suite("with 256 file descriptors and 500 connections", () => {
  test("the program carries what it can, turns the rest away, and answers", requires("prlimit"), async () => {
    await using echo = await startEcho();
    await using program = await startInstance(
      `
log: {}
metrics: { listen: 127.0.0.1:0 }
tunnels: { web: { frontend: 127.0.0.1:0, backend: ${echo.port} } }`,
      {},
      { through: ["prlimit", "--nofile=256"] },
    );
    const to = program.port("web");
    const clients: Knock[] = await Promise.all(Array.from({ length: 500 }, () => knock(to)));
    const verdicts = await Promise.all(clients.map(({ verdict }) => verdict));
    const inside = verdicts.filter((verdict) => verdict === "in").length;
    // two descriptors for each, what the program needs itself, and some to spare
    assert.ok(inside > 64 && inside < 112, `${inside} connections are in`);

    const rejected = await samples(program, "equilibria_connections_rejected_total");
    assert.deepEqual(rejected, { 'tunnel="web",reason="file-descriptors"': 500 - inside });
    const failed = await samples(program, "equilibria_target_failures_total");
    assert.deepEqual(Object.values(failed), [0], "a target could not be dialled");

    const before = processorTime(program.pid);
    const started = performance.now();
    for (let count = 0; count < 5; count++) {
      using refused = await knock(to);
      assert.equal(await refused.verdict, "out");
    }
    await program.line(({ event }) => event === "sessions-turned-away", "the count of those turned away");
    const elapsed = (performance.now() - started) / 1000;
    const used = processorTime(program.pid) - before;
    assert.ok(used < Math.max(0.2, elapsed / 5), `${used} s of processor time in ${elapsed} s`);
    const lines = program.lines.filter(({ event, outcome }) => event === "session" && outcome === "limited");
    assert.ok(lines.length < 100, `${lines.length} lines for 500 connections`);

    await Promise.all(clients.map(leave));
    await program.sessions(inside, "web");
    const visits = await Promise.all(Array.from({ length: 20 }, () => visit(to, { say: "again" })));
    assert.deepEqual(
      visits.map(({ text }) => text),
      visits.map(() => "again"),
    );
  });
});
