/**
 * Either side of a connection may say that it has sent everything and still wait for the answer, in three ways. A relay
 * that takes this for the end of the session cuts the answer off; one that forgets to pass it on leaves both waiting.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ending, KiB, MiB, randomBytesFor, receive, send, whole } from "../support/payload.ts";
import type { HalfClose } from "../support/peers.ts";
import { connectPair, startTunnelTo, type TlsVersion, variants } from "../support/tunnels.ts";

const request = randomBytesFor("request", 10 * KiB);
const reply = randomBytesFor("reply", MiB);

for (const first of ["client", "target"] as const)
  describe(`after the ${first} has ended first, a late reply of 1 MiB reaches it whole and with a clean end`, () => {
    for (const variant of variants())
      for (const how of waysToEnd(first === "client" ? variant.frontendTls : variant.backendTls))
        test(`${variant.title}, by ${how}`, async () => {
          await using tunnel = await startTunnelTo(() => {}, { ...variant, adjustable: true });
          const pair = await connectPair(tunnel, { adjustable: true });
          const early = pair[first];
          const late = pair[first === "client" ? "target" : "client"];
          early.stream.write(request);
          early.halfClose(how);
          const got = receive(early.stream);
          assert.deepEqual(await receive(late.stream), whole(request));
          await send(late.stream, reply);
          late.halfClose();
          assert.deepEqual(await got, whole(reply));
          const [session] = await tunnel.sessions(1);
          assert.equal(session?.outcome, "completed");
        });
  });

describe("a client that sends nothing and ends gets the whole answer", () => {
  for (const variant of variants())
    test(variant.title, async () => {
      await using tunnel = await startTunnelTo(({ stream }) => stream.resume().end(reply), variant);
      const client = await tunnel.connect();
      client.halfClose();
      assert.deepEqual(await receive(client.stream), whole(reply));
      const [session] = await tunnel.sessions(1);
      assert.equal(session?.outcome, "completed");
      assert.equal(session.bytesIn, 0);
    });
});

describe("everything that a client had sent when it left reaches a target that ended first and reads slowly", () => {
  const upload = randomBytesFor("upload", 8 * MiB);
  for (const variant of variants())
    test(variant.title, async () => {
      await using tunnel = await startTunnelTo(({ stream }) => stream.end(), variant);
      const { client, target } = await connectPair(tunnel);
      const sent = send(client.stream, upload).then(() => client.halfClose());
      client.stream.resume();
      const chunks: Buffer[] = [];
      const slowly = setInterval(() => {
        const chunk: Buffer | null = target.stream.read();
        if (chunk) chunks.push(chunk);
      }, 1);
      const end = await ending(target.stream);
      clearInterval(slowly);
      await sent;
      assert.equal(end, "eof");
      assert.ok(Buffer.concat(chunks).equals(upload));
      const [session] = await tunnel.sessions(1);
      assert.equal(session?.outcome, "completed");
    });
});

describe("a target that answers and ends while the client still sends is heard to its end, and leaves nothing behind", () => {
  const upload = randomBytesFor("upload", 32 * MiB);
  for (const variant of variants())
    test(variant.title, async () => {
      await using tunnel = await startTunnelTo(({ stream }) => {
        // answers the first bytes and takes no more of them
        stream.once("data", () => stream.pause().end(reply));
      }, variant);
      const { client, target } = await connectPair(tunnel);
      const sending = send(client.stream, upload);
      assert.deepEqual(await receive(client.stream), whole(reply));
      // with bytes unread, this sends an RST (RFC 1122, 4.2.2.13): what the client still sends is for nobody
      target.socket.destroy();
      await sending;
      client.halfClose();
      const [session] = await tunnel.sessions(1);
      assert.equal(session?.bytesOut, reply.length);
      assert.equal(tunnel.runtime.active, 0);
    });
});

function waysToEnd(tls: TlsVersion | undefined): readonly HalfClose[] {
  return tls ? ["FIN", "close_notify + FIN", "close_notify"] : ["FIN"];
}
