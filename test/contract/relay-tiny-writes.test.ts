/**
 * Interactive protocols send a byte and wait for one. A relay that gathers must not wait for company, and one that
 * passes on pieces of every size must not mix them up at the edges of its buffers.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ending, inbox, KiB, randomBytesFor, receive, send, whole } from "../support/payload.ts";
import { thorough } from "../support/thorough.ts";
import { startTunnelTo, variants } from "../support/tunnels.ts";

describe("some KiB sent one byte at a time come back as they were", () => {
  const bytes = randomBytesFor("single bytes", thorough(4 * KiB));
  for (const variant of variants())
    test(variant.title, async () => {
      await using tunnel = await startTunnelTo(({ stream }) => stream.pipe(stream), variant);
      const client = await tunnel.connect();
      const got = receive(client.stream);
      for (let at = 0; at < bytes.length; at++) {
        client.stream.write(bytes.subarray(at, at + 1));
        // a turn of the event loop between two bytes, so that the kernel gets them one by one
        await new Promise(setImmediate);
      }
      client.halfClose();
      assert.deepEqual(await got, whole(bytes));
    });
});

describe("256 KiB sent in pieces of 1, 2, 3, 7, 15, … bytes come back as they were", () => {
  const bytes = randomBytesFor("growing pieces", 256 * KiB);
  for (const variant of variants())
    test(variant.title, async () => {
      await using tunnel = await startTunnelTo(({ stream }) => stream.pipe(stream), variant);
      const client = await tunnel.connect();
      const got = receive(client.stream);
      for (let at = 0, round = 0; at < bytes.length; round++) {
        const size = pieceSizes[round % pieceSizes.length] ?? 1;
        await send(client.stream, bytes.subarray(at, at + size), size);
        await new Promise(setImmediate);
        at += size;
      }
      client.halfClose();
      assert.deepEqual(await got, whole(bytes));
    });
});

describe("1000 times one byte there and one byte back", () => {
  for (const variant of variants())
    test(variant.title, async () => {
      await using tunnel = await startTunnelTo(({ stream }) => stream.pipe(stream), variant);
      const client = await tunnel.connect();
      const { take } = inbox(client.stream);
      const end = ending(client.stream);
      for (let round = 0; round < 1000; round++) {
        const byte = Buffer.of(round % 256);
        client.stream.write(byte);
        assert.deepEqual(await take(1), byte);
      }
      client.halfClose();
      assert.equal(await end, "eof");
      const [session] = await tunnel.sessions(1);
      assert.equal(session?.bytesIn, 1000);
      assert.equal(session.bytesOut, 1000);
    });
});

/** Around the sizes at which something changes: a TLS record, the limits of the relay's own buffers. */
const pieceSizes = [1, 2, 3, 7, 15, 31, 127, 1023, 1025, 8191, 8192, 8193, 16_383, 16_384, 16_385, 40_000];
