// Looking at a hello must not change what comes after it: the TLS server, and any other one, gets every byte once.
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { describe, it } from "node:test";
import { createServer as createTlsServer, connect as tlsConnect } from "node:tls";
import { SessionError } from "../../../src/core/outcome.ts";
import { Session } from "../../../src/core/session.ts";
import { peekHello } from "../../../src/frontend/peek-hello.ts";
import { testAuthority } from "../../support/certificates.ts";
import { inRecords, messageOf, realHello } from "../../support/client-hello.ts";

const authority = testAuthority();
const identity = authority.issue({ cn: "a.test" });

/** Accepts connections as a frontend does, and gives each to `peek`. */
async function accepting(peeked: (session: Session, socket: Socket) => Promise<void>) {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    const tcp = { kind: "tcp", host: "127.0.0.1", port: 1 } as const;
    void peeked(new Session({ tunnel: "test", client: tcp, local: tcp }), socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.dispose]: () => void server.close(),
  };
}

/** What `peekHello` makes of bytes that come piece by piece. */
async function peeked(pieces: readonly Buffer[], { timeout = 5000, end = false } = {}) {
  const { promise, resolve } = Promise.withResolvers<{
    session: Session;
    left: Buffer | undefined;
    error: unknown;
  }>();
  using server = await accepting(async (session, socket) => {
    let error: unknown;
    try {
      await peekHello({ timeout })(session, socket);
    } catch (cause) {
      error = cause;
    }
    const names = socket.eventNames().filter((name) => name === "readable" || name === "data");
    assert.deepEqual(names, []);
    resolve({ session, left: socket.read() ?? undefined, error });
    if (!end || error !== undefined) socket.destroy();
    else {
      // the end that came with the bytes is not lost
      socket.resume();
      socket.once("end", () => socket.destroy());
    }
  });
  const client = connect(server.port, "127.0.0.1");
  client.on("error", () => {});
  client.setNoDelay(true);
  await once(client, "connect");
  for (const piece of pieces) {
    client.write(piece);
    await new Promise(setImmediate);
  }
  if (end) client.end();
  const result = await promise;
  await once(client, "close");
  return result;
}

describe("the peek at a hello", () => {
  it("gives a whole hello back, however it came", async () => {
    const hello = inRecords(messageOf(await realHello({ servername: "A.test.", maxVersion: "TLSv1.2" })), 7);
    for (const size of [hello.length, 50, 3]) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < hello.length; at += size) pieces.push(hello.subarray(at, at + size));
      const { session, left, error } = await peeked(pieces);
      assert.equal(error, undefined);
      assert.equal(session.opening?.serverName, "a.test");
      assert.equal(session.serverName, "a.test");
      assert.ok(left?.equals(hello));
    }
  });

  it("gives plain bytes back, and the end behind them", async () => {
    const { session, left } = await peeked([Buffer.from("GET / HTTP/1.1\r\n\r\n")], { end: true });
    assert.equal(session.opening?.protocol, "http");
    assert.equal(left?.toString(), "GET / HTTP/1.1\r\n\r\n");
  });

  it("ends at its deadline, and with a hello that is none", async () => {
    const hello = await realHello({ servername: "a.test" });
    const late = await peeked([hello.subarray(0, 100)], { timeout: 50 });
    assert.ok(late.error instanceof SessionError);
    assert.deepEqual([late.error.outcome, late.error.label], ["bad-preamble", "timeout"]);
    const bad = await peeked([Buffer.from("160301000102", "hex")]);
    assert.ok(bad.error instanceof SessionError);
    assert.deepEqual([bad.error.outcome, bad.error.label], ["bad-preamble", "malformed"]);
  });

  it("leaves everything to the TLS server behind it", async () => {
    const tls = createTlsServer({ cert: identity.chain, key: identity.key }, (socket) => socket.pipe(socket));
    using server = await accepting(async (session, socket) => {
      await peekHello({ timeout: 5000 })(session, socket);
      tls.emit("connection", socket);
    });
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      const client = tlsConnect({ port: server.port, servername: "a.test", ca: authority.cert, maxVersion });
      client.end("hello");
      const [text] = await once(client, "data");
      assert.equal(String(text), "hello");
      await once(client, "close");
    }
  });
});
