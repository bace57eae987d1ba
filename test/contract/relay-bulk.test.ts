/**
 * A relay must not lose, repeat or reorder a byte, however much moves in both directions at once, and must know exactly
 * how much it was.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MiB, randomBytesFor, receive, send, whole } from "../support/payload.ts";
import type { Peer } from "../support/peers.ts";
import { thorough } from "../support/thorough.ts";
import { connectPair, startTunnelTo, variants } from "../support/tunnels.ts";

const fromClient = randomBytesFor("client", thorough(64 * MiB));
const fromTarget = randomBytesFor("target", thorough(64 * MiB));

describe("large transfers in both directions at once arrive whole, and are counted", () => {
  for (const variant of variants())
    test(variant.title, async () => {
      await using tunnel = await startTunnelTo(() => {}, variant);
      const { client, target } = await connectPair(tunnel);
      const [atClient, atTarget] = await Promise.all([
        receive(client.stream),
        receive(target.stream),
        sendAll(client, fromClient),
        sendAll(target, fromTarget),
      ]);
      assert.deepEqual(atTarget, whole(fromClient));
      assert.deepEqual(atClient, whole(fromTarget));
      const [session] = await tunnel.sessions(1);
      assert.equal(session?.outcome, "completed");
      assert.equal(session.bytesIn, fromClient.length);
      assert.equal(session.bytesOut, fromTarget.length);
      assert.equal(tunnel.runtime.active, 0);
    });
});

async function sendAll(peer: Peer, bytes: Buffer): Promise<void> {
  await send(peer.stream, bytes);
  peer.halfClose();
}
