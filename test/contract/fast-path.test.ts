/**
 * The fast path rests on details of Node that nobody has promised (an accepted socket wrapped anew around its handle).
 * When a new Node takes one away, the relay falls back to Node's streams: right, but slow, and silent. This is the alarm.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { describe, test } from "node:test";
import type { Address } from "../../src/core/address.ts";
import { writeFiles } from "../support/certificates.ts";
import { receive, sha256 } from "../support/payload.ts";
import { describeMix, modes, newestMixes, startTunnel, startTunnelTo } from "../support/tunnels.ts";

const transports = ["tcp", "unix"] as const;

for (const mode of modes)
  describe(`a session of a tunnel that relays the ${mode} way says so`, () => {
    for (const mix of newestMixes)
      for (const transport of transports)
        test(`${describeMix(mix)}, clients over ${transport}`, async () => {
          using folder = writeFiles({});
          const listen: Address =
            transport === "tcp"
              ? { kind: "tcp", host: "127.0.0.1", port: 0 }
              : { kind: "unix", path: folder.path("listen.sock") };
          await using tunnel = await startTunnelTo(({ stream }) => stream.pipe(stream), {
            ...mix,
            mode,
            listen,
          });
          const client = await tunnel.connect();
          client.stream.end("hello");
          assert.deepEqual(await receive(client.stream), {
            length: 5,
            sha256: sha256(Buffer.from("hello")),
            end: "eof",
          });
          const [session] = await tunnel.sessions(1);
          assert.equal(session?.relay, mode);
        });

    test("plain to plain, target on a unix socket", async () => {
      using folder = writeFiles({});
      const target: Address = { kind: "unix", path: folder.path("target.sock") };
      const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
      server.listen(target.path);
      await once(server, "listening");
      await using tunnel = await startTunnel({ mode, target });
      const client = await tunnel.connect();
      client.stream.end("hello");
      assert.equal((await receive(client.stream)).length, 5);
      const [session] = await tunnel.sessions(1);
      assert.equal(session?.relay, mode);
      server.close();
    });
  });
