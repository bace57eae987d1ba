/**
 * Whoever connects and never finishes what he began costs his attacker nothing. Five hundred of them, of every kind, must neither
 * keep a client with something to say from being served, nor stay.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { duplexPair } from "node:stream";
import { suite, test } from "node:test";
import { connect as tlsConnect } from "node:tls";
import { testAuthority } from "../support/certificates.ts";
import { startEcho } from "../support/echo.ts";
import { samples } from "../support/health.ts";
import { startInstance } from "../support/instance.ts";
import { until } from "../support/tunnels.ts";
import { visit } from "../support/visit.ts";

/** As many of each of the eight kinds. */
const count = 8 * 63;

/** What a TLS client says first. */
async function clientHello(): Promise<Buffer> {
  const [ours, theirs] = duplexPair();
  const client = tlsConnect({ socket: ours });
  client.on("error", () => {});
  const [hello] = await once(theirs, "data");
  client.destroy();
  return hello;
}

suite("500 clients that begin and go no further", () => {
  test("keep nobody from being served, and are all closed in the end", async () => {
    const server = testAuthority().issue();
    await using echo = await startEcho();
    await using program = await startInstance(
      `
log: { rejections: 0 }
metrics: { listen: 127.0.0.1:0 }
defaults: { timeouts: { handshake: 8s } }
tunnels:
  secure:
    frontend: { listen: "127.0.0.1:0", tls: { cert: server.crt, key: server.key } }
    backend: ${echo.port}
  proxied:
    frontend: { listen: "127.0.0.1:0", tls: { cert: server.crt, key: server.key }, proxyProtocol: { from: [ 127.0.0.1 ] } }
    backend: ${echo.port}`,
      { "server.crt": server.chain, "server.key": server.key },
    );
    const descriptors = () => readdirSync(`/proc/${program.pid}/fd`).length;
    await visit(program.port("secure"), { tls: {} });
    await program.sessions(1);
    const before = descriptors();
    const active = async () => {
      const { 'tunnel="secure"': one = 0, 'tunnel="proxied"': other = 0 } = await samples(
        program,
        "equilibria_connections_active",
      );
      return one + other;
    };

    const hello = await clientHello();
    const header = Buffer.from("PROXY TCP4 192.0.2.1 192.0.2.2 1000 2000\r\n");
    const [secure, proxied] = [program.port("secure"), program.port("proxied")];
    const kinds: readonly { readonly to: number; readonly say?: Buffer; readonly dribble?: Buffer }[] = [
      { to: secure },
      { to: secure, dribble: hello },
      { to: secure, say: hello.subarray(0, hello.length / 2) },
      { to: secure, say: hello },
      { to: proxied },
      { to: proxied, dribble: header },
      { to: proxied, say: header.subarray(0, 20) },
      { to: proxied, say: Buffer.concat([header, hello.subarray(0, 100)]) },
    ];
    let open = 0;
    let closed = 0;
    const stalled = Array.from({ length: count }, (_, index): Socket => {
      const { to, say, dribble } = kinds[index % kinds.length] ?? { to: secure };
      const socket = connect(to, "127.0.0.1");
      let sent = 0;
      const timer = setInterval(() => {
        if (dribble && sent < dribble.length - 1) socket.write(dribble.subarray(sent, ++sent));
      }, 100);
      socket.on("connect", () => {
        open++;
        if (say) socket.write(say);
      });
      socket.on("error", () => {});
      socket.on("close", () => {
        closed++;
        clearInterval(timer);
      });
      return socket.resume();
    });
    await until(() => open === count);
    while ((await active()) !== count);

    for (let round = 0; round < 10; round++) {
      const { text } = await visit(secure, { tls: {}, say: `served ${round}` });
      assert.equal(text, `served ${round}`);
    }
    assert.equal(closed, 0, "they were served beside the others, not after them");

    await until(() => closed === count);
    const lines = await program.sessions(count + 11);
    const outcomes = Object.groupBy(lines, ({ outcome }) => outcome);
    assert.deepEqual(
      Object.entries(outcomes)
        .map(([outcome, of]) => [outcome, of?.length])
        .toSorted(),
      [
        ["bad-preamble", (3 * count) / 8],
        ["completed", 11],
        ["handshake-failed", (5 * count) / 8],
      ],
    );
    assert.equal(await active(), 0);
    await until(() => descriptors() <= before);
    for (const socket of stalled) socket.destroy();
  });
});
