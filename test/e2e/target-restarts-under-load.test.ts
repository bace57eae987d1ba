/**
 * Targets are killed and come back while clients arrive without a pause: with fail-over `connect` no client may notice,
 * but for those whose session the killed target held.
 */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { startInstance } from "../support/instance.ts";
import { startRevivable } from "../support/revivable.ts";
import { visit } from "../support/visit.ts";

test("targets that are killed and restarted in turn cost no client anything", async () => {
  // a session that is in a target's hands when it is killed is lost: these are over as soon as they have begun
  const answer = (socket: Socket) => void socket.end("here");
  await using one = await startRevivable(answer);
  await using two = await startRevivable(answer);
  await using three = await startRevivable(answer);
  const targets = [one, two, three];
  const list = targets.map(({ port }) => port).join(", ");
  const health = "health: { interval: 200ms, timeout: 1s, rise: 1, fall: 2 }";
  await using program = await startInstance(
    `tunnels: { web: { frontend: 127.0.0.1:0, backend: { targets: [ ${list} ], ${health} } } }\n`,
  );
  const port = program.port("web");
  let going = true;
  let served = 0;
  const failed: (string | undefined)[] = [];
  const load = Array.from({ length: 4 }, async () => {
    while (going) {
      const { text, error } = await visit(port);
      if (text === "here") served++;
      else failed.push(error);
    }
  });
  const progress = async () => {
    for (const enough = served + 30; served < enough; )
      await new Promise((resolve) => setTimeout(resolve, 10));
  };
  for (let count = 0; count < 9; count++) {
    const target = targets[count % targets.length];
    await target?.stop();
    await progress();
    await target?.start();
    await progress();
  }
  going = false;
  await Promise.all(load);
  const sessions = program.lines.filter(({ event }) => event === "session");
  const ended = (outcome: string) => sessions.filter((session) => session["outcome"] === outcome).length;
  // what a target had accepted, or had in its queue, is reset with it; everybody else has found another one
  assert.ok(failed.length <= ended("target-reset"), `${failed.length} clients failed: ${failed}`);
  assert.deepEqual([ended("connect-failed"), ended("no-target")], [0, 0]);
  for (const { accepted } of targets) assert.ok(accepted > 0);
});
