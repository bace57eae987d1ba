/**
 * A reset says that something went wrong. Turned into a clean end on its way through the tunnel, it would make the other
 * side take half of an answer for all of it; forgotten, it would leave sockets and buffers behind.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { buffersLent } from "../../src/net/buffers.ts";
import { ending, MiB, randomBytesFor, send } from "../support/payload.ts";
import { thorough } from "../support/thorough.ts";
import { connectPair, openSockets, type Pair, startTunnelTo, until, variants } from "../support/tunnels.ts";

const rounds = thorough(40);
const bulk = randomBytesFor("bulk", 4 * MiB);

for (const from of ["client", "target"] as const)
  describe(`a reset of the ${from} reaches the other side as one, ${rounds} times, and leaves nothing behind`, () => {
    const to = from === "client" ? "target" : "client";
    for (const variant of variants())
      test(variant.title, async () => {
        await using tunnel = await startTunnelTo(() => {}, variant);
        const before = openSockets();
        for (let round = 0; round < rounds; round++) {
          const pair = await connectPair(tunnel);
          const end = ending(pair[to].stream);
          if (round % 2 === 0) await oneByteEachWay(pair);
          else await inTheMiddleOfBulk(pair);
          pair[from].reset();
          assert.match(await end, /^(ECONNRESET|EPIPE)$/);
        }
        const sessions = await tunnel.sessions(rounds);
        assert.deepEqual(new Set(sessions.map(({ outcome }) => outcome)), new Set([`${from}-reset`]));
        assert.equal(tunnel.runtime.active, 0);
        await until(() => openSockets() === before);
        assert.equal(buffersLent(), 0);
      });
  });

async function oneByteEachWay({ client, target }: Pair): Promise<void> {
  const arrived = [client, target].map(
    ({ stream }) => new Promise((resolve) => stream.once("data", resolve)),
  );
  client.stream.write("c");
  target.stream.write("t");
  await Promise.all(arrived);
}

/** Resolves when bytes move in both directions; more of them are under way. */
async function inTheMiddleOfBulk({ client, target }: Pair): Promise<void> {
  const arrived = [client, target].map(
    ({ stream }) => new Promise((resolve) => stream.once("data", resolve)),
  );
  void send(client.stream, bulk);
  void send(target.stream, bulk);
  await Promise.all(arrived);
}
