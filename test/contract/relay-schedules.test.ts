/**
 * Nothing in a connection comes in a fixed order: pieces have any size, readers and writers pause, one side ends before
 * or long after the other. Whatever the schedule, every byte arrives, in order, with a clean end after it.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { drained, randomBytesFor, receive, whole } from "../support/payload.ts";
import type { Peer } from "../support/peers.ts";
import { thorough } from "../support/thorough.ts";
import { connectPair, startTunnelTo, variants } from "../support/tunnels.ts";

/** What one side does while the other does the same. */
interface Schedule {
  /** Bytes to send, or turns of the event loop to wait where negative. */
  readonly sends: readonly number[];
  /** After so many chunks in turn the reader sleeps for three milliseconds; empty: it never does. */
  readonly sleeps: readonly number[];
  /** Whether it keeps its own end until it has seen the other's. */
  readonly endsLast: boolean;
}

// sizes around those at which something changes: a TLS record, a bulk record, the buffers of the relay
const size = fc.oneof(
  fc.integer({ min: 1, max: 64 }),
  fc.constantFrom(8191, 8192, 8193, 16_383, 16_384, 16_385, 131_072, 262_143, 262_144, 262_145),
  fc.integer({ min: 1, max: 600_000 }),
);
const schedule: fc.Arbitrary<Schedule> = fc.record({
  sends: fc.array(fc.oneof(size, fc.integer({ min: -8, max: -1 })), { maxLength: 12 }),
  sleeps: fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 4 }),
  endsLast: fc.boolean(),
});
const both = fc
  .record({ client: schedule, target: schedule })
  // each waiting for the other's end would wait for ever
  .filter(({ client, target }) => !(client.endsLast && target.endsLast));

describe("any schedule of writes, pauses, slow reads and ends keeps every byte", () => {
  for (const variant of variants())
    test(variant.title, async () => {
      await using tunnel = await startTunnelTo(() => {}, variant);
      let sessions = 0;
      const property = fc.asyncProperty(both, async (plans) => {
        const { client, target } = await connectPair(tunnel);
        const [fromClient, fromTarget] = [bytesOf("client", plans.client), bytesOf("target", plans.target)];
        const [atClient, atTarget] = await Promise.all([
          follow(client, plans.client, fromClient),
          follow(target, plans.target, fromTarget),
        ]);
        assert.deepEqual(atTarget, whole(fromClient));
        assert.deepEqual(atClient, whole(fromTarget));
        const session = (await tunnel.sessions(++sessions)).at(-1);
        assert.equal(session?.outcome, "completed");
        assert.equal(session.bytesIn, fromClient.length);
        assert.equal(session.bytesOut, fromTarget.length);
      });
      await fc.assert(property, { numRuns: thorough(25), seed: 1, endOnFailure: true });
      assert.equal(tunnel.runtime.active, 0);
    });
});

function bytesOf(name: string, { sends }: Schedule): Buffer {
  return randomBytesFor(
    name,
    sends.reduce((sum, step) => sum + Math.max(step, 0), 0),
  );
}

async function follow(peer: Peer, { sends, sleeps, endsLast }: Schedule, bytes: Buffer) {
  const { stream } = peer;
  const received = receive(stream);
  if (sleeps.length > 0) sleepBetweenChunks(peer, sleeps);
  let at = 0;
  for (const step of sends)
    if (step < 0) for (let turn = step; turn < 0; turn++) await new Promise(setImmediate);
    else {
      stream.write(bytes.subarray(at, at + step));
      at += step;
      // every other piece does not wait until the one before it is taken
      if (step % 2 === 0) await drained(stream);
    }
  if (endsLast) await received;
  peer.halfClose();
  return received;
}

function sleepBetweenChunks({ stream }: Peer, sleeps: readonly number[]): void {
  let [turn, left] = [0, sleeps[0] ?? 0];
  stream.on("data", () => {
    if (--left > 0) return;
    left = sleeps[++turn % sleeps.length] ?? 1;
    stream.pause();
    setTimeout(() => stream.resume(), 3);
  });
}
