/** Whoever asks too much of the admin listeners, or too slowly, must not slow down connections (reliability goal S13). */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { startAdministered } from "../support/admin.ts";
import { startEcho } from "../support/echo.ts";
import { freePort } from "../support/ports.ts";
import { openClient } from "../support/visit.ts";

/** Of 100 times, 99 are not above it. */
function p99(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0;
}

/** Milliseconds for pings over this connection, one after the other. */
async function ping(client: Socket, count: number): Promise<number> {
  const times: number[] = [];
  while (times.length < count) {
    const sent = performance.now();
    client.write("x");
    await once(client, "data");
    times.push(performance.now() - sent);
  }
  return p99(times);
}

/** An admin client that has begun a request and leaves it at that. */
async function dawdle(path: string): Promise<Socket> {
  const socket = connect(path);
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write("GET /api/v1/status HTTP/1.1\r\nHost: local");
  return socket;
}

test("a thousand slow admin clients and a storm of scrapes leave the data path alone", async (t) => {
  await using target = await startEcho();
  const metrics = await freePort();
  await using program = await startAdministered(
    `metrics: { listen: 127.0.0.1:${metrics} }\ntunnels: { web: { frontend: 127.0.0.1:0, backend: ${target.port} } }\n`,
  );
  const client = await openClient(program.instance.port("web"));
  client.setNoDelay();
  const alone = await ping(client, 1000);

  const slow = await Promise.all(Array.from({ length: 1000 }, () => dawdle(program.socket)));
  const beside = await ping(client, 1000);

  const scrapes: number[] = [];
  let going = true;
  const storm = Array.from({ length: 8 }, async () => {
    while (going) {
      const began = performance.now();
      const answer = await fetch(`http://127.0.0.1:${metrics}/metrics`, { headers: { connection: "close" } });
      assert.match(await answer.text(), /^equilibria_connections_active\{tunnel="web"\} 1$/m);
      scrapes.push(performance.now() - began);
    }
  });
  const inStorm = await ping(client, 100);
  going = false;
  await Promise.all(storm);
  const scraping = p99(scrapes);
  const all = [alone, beside, inStorm, scraping].map((time) => time.toFixed(1)).join(", ");
  t.diagnostic(`p99 alone, beside slow clients, in a storm, of ${scrapes.length} scrapes: ${all} ms`);
  for (const socket of slow) socket.destroy();
  client.end();
  const [session] = await program.instance.sessions(1);
  assert.deepEqual([session?.outcome, session?.bytesIn], ["completed", 2100]);
  // the goal is a tenth more; the rest is for a busy machine
  assert.ok(beside <= 1.1 * alone + 20, `${beside} ms beside slow clients, ${alone} ms alone`);
  // one process serves all in turn: a ping waits, there and back, for the scrapes before it, never for later ones
  assert.ok(inStorm <= 2 * scraping, `${inStorm} ms in a storm, whose scrapes take ${scraping} ms`);
});
