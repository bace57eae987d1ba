/** A session that looks for another target in the middle of its life is still one session: what ends it ends the search. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { startPeers } from "../support/peers.ts";
import { startTunnel, targetTls } from "../support/tunnels.ts";

test("a session whose lifetime ends while another target is sought gives up the connection to that one", async () => {
  await using first = await startPeers(({ stream }) => stream.pipe(stream), { tls: targetTls });
  // accepts, and never answers the TLS handshake
  const second = createServer().listen(0, "127.0.0.1");
  await once(second, "listening");
  const silent = `127.0.0.1:${(second.address() as AddressInfo).port}`;
  await using tunnel = await startTunnel({
    mode: "stream",
    backendTls: "TLSv1.3",
    target: first.address,
    timeouts: { lifetime: 700 },
    backend: {
      targets: [`127.0.0.1:${first.address.port}`, silent],
      failover: "stream",
      connect: { timeout: "1h", deadline: "1h" },
    },
  });
  const client = await tunnel.connect();
  client.stream.write("hello");
  await once(client.stream, "data");
  const sought = once(second, "connection") as Promise<[Socket]>;
  first.peers[0]?.reset();
  const [attempt] = await sought;
  await once(attempt.on("error", () => {}).resume(), "close");
  const [session] = await tunnel.sessions(1);
  assert.equal(session?.outcome, "lifetime");
  second.close();
});
