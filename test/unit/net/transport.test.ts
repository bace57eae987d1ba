/**
 * Ending a stream so that the peer sees an error is different for every kind of stream, and doing it wrongly throws, hangs or, on
 * one Node, crashed the process. One function knows how; this is what it promises.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { describe, it } from "node:test";
import { createServer as createTlsServer, TLSSocket, connect as tlsConnect } from "node:tls";
import { carriedBy, destroyBoth, queuedBytes, reset, transportOf } from "../../../src/net/transport.ts";
import { testAuthority, writeFiles } from "../../support/certificates.ts";
import { endOf } from "../../support/visit.ts";

const authority = testAuthority();
const { chain: cert, key } = authority.issue();

interface Pair extends AsyncDisposable {
  readonly near: Socket;
  readonly far: Socket;
}

async function pair(where?: string): Promise<Pair> {
  const server = createServer({ allowHalfOpen: true });
  if (where === undefined) server.listen(0, "127.0.0.1");
  else server.listen(where);
  await once(server, "listening");
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const address = server.address() as AddressInfo | string;
  const near = typeof address === "string" ? connect(address) : connect(address.port, "127.0.0.1");
  near.on("error", () => {});
  const [[far]] = await Promise.all([accepted, once(near, "connect")]);
  far.on("error", () => {});
  return { near, far, [Symbol.asyncDispose]: async () => close(server, near, far) };
}

/** A TLS connection; `secure` is the near end's stream, over the socket that was accepted. */
async function tlsPair(): Promise<Pair & { readonly secure: TLSSocket }> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const { port } = server.address() as AddressInfo;
  const far = tlsConnect({ port, host: "127.0.0.1", ca: authority.cert, servername: "localhost" });
  far.on("error", () => {});
  const [near] = await accepted;
  near.on("error", () => {});
  const secure = new TLSSocket(near, { isServer: true, cert, key });
  secure.on("error", () => {});
  await Promise.all([once(far, "secureConnect"), once(secure, "secure")]);
  const dispose = async () => close(server, near, far);
  return { near, far, secure: carriedBy(secure, near), [Symbol.asyncDispose]: dispose };
}

async function close(server: Server, ...sockets: readonly Socket[]): Promise<void> {
  for (const socket of sockets) socket.destroy();
  server.close();
}

describe("a reset", () => {
  it("of a TCP stream is seen as one by the peer", async () => {
    await using both = await pair();
    reset(both.near);
    assert.equal(await endOf(both.far), "ECONNRESET");
    assert.ok(both.near.destroyed);
  });

  it("of a TLS stream resets the TCP connection below it", async () => {
    await using both = await tlsPair();
    const over = once(both.secure, "close");
    reset(both.secure);
    assert.equal(await endOf(both.far), "ECONNRESET");
    await over;
    assert.ok(both.near.destroyed);
  });

  it("of a unix stream, which has no such thing, closes it without throwing", async () => {
    using files = writeFiles({});
    await using both = await pair(files.path("x.sock"));
    reset(both.near);
    assert.match(await endOf(both.far), /^(eof|ECONNRESET)$/);
    assert.ok(both.near.destroyed);
  });

  it("of a TLS stream over a unix socket closes both", async () => {
    using files = writeFiles({});
    await using both = await pair(files.path("x.sock"));
    const secure = carriedBy(tlsConnect({ socket: both.near, rejectUnauthorized: false }), both.near);
    secure.on("error", () => {});
    reset(secure);
    assert.ok(secure.destroyed && both.near.destroyed);
  });

  it("of what is no socket destroys it", () => {
    const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    reset(stream);
    assert.ok(stream.destroyed);
    assert.equal(transportOf(stream), undefined);
  });

  it("may come twice, and after the end", async () => {
    await using both = await pair();
    const over = once(both.near, "close");
    reset(both.near);
    reset(both.near);
    await over;
    reset(both.near);
    destroyBoth(both.near);
    await using secure = await tlsPair();
    const follows = once(secure.secure, "close");
    secure.near.destroy();
    reset(secure.secure);
    reset(secure.secure);
    await follows;
  });

  it("of a socket that is still connecting does not throw", async () => {
    // nobody answers at an address for documentation (RFC 5737)
    const socket = connect(9, "192.0.2.1");
    socket.on("error", () => {});
    reset(socket);
    assert.ok(socket.destroyed);
  });

  it("within the turn in which the handshake ends does not crash the process", async () => {
    // the socket first and TLS after it, in that turn, is a segmentation fault (Node 20 and 26.10)
    const server = createTlsServer({ cert, key });
    server.on("tlsClientError", () => {});
    const listener = createServer((raw) => {
      raw.on("error", () => {});
      server.emit("connection", raw);
    });
    const raws = new Set<Socket>();
    listener.on("connection", (raw: Socket) => raws.add(raw));
    server.on("secureConnection", (stream) => {
      stream.on("error", () => {});
      const raw = (stream as TLSSocket & { _parent: Socket })._parent;
      reset(carriedBy(stream, raw));
      destroyBoth(stream, raw);
    });
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    const { port } = listener.address() as AddressInfo;
    for (const version of ["TLSv1.2", "TLSv1.3"] as const)
      for (let count = 0; count < 50; count++) {
        const client = tlsConnect({
          port,
          host: "127.0.0.1",
          rejectUnauthorized: false,
          maxVersion: version,
        });
        client.on("secureConnect", () => client.write("x"));
        assert.notEqual(await endOf(client), "eof");
      }
    assert.equal(raws.size, 100);
    listener.close();
  });
});

describe("the transport of a stream", () => {
  it("is the socket that it was said to be carried by, or the socket itself", async () => {
    await using both = await tlsPair();
    assert.equal(transportOf(both.secure), both.near);
    assert.equal(transportOf(both.near), both.near);
  });

  it("says how many bytes wait below, also for TLS", async () => {
    await using both = await tlsPair();
    assert.equal(queuedBytes(both.secure), 0);
    both.far.pause();
    const block = Buffer.alloc(1024 * 1024);
    for (let count = 0; count < 64; count++) both.secure.write(block);
    while (queuedBytes(both.secure) === 0) await new Promise(setImmediate);
    assert.ok(queuedBytes(both.secure) > 0);
    assert.equal(queuedBytes(new Duplex()), 0);
  });

  it("is destroyed with the stream by destroyBoth", async () => {
    await using both = await tlsPair();
    destroyBoth(both.secure);
    assert.ok(both.secure.destroyed && both.near.destroyed);
  });
});
