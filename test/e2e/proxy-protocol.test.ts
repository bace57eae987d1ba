/**
 * Who may say who the client is. A header from anybody else, or a missing one, must never reach a target; what is said must
 * arrive as it was said; and the bytes after the header belong to the TLS handshake or the target, however they were cut.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { after, before, suite, test } from "node:test";
import { connect as tlsConnect } from "node:tls";
import type { Address } from "../../src/core/address.ts";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startEcho, type TestTarget } from "../support/echo.ts";
import { type Instance, type SessionLine, startInstance } from "../support/instance.ts";
import { ipv4Block, tlv, unixBlock, v1Line, v2Header } from "../support/proxy-header.ts";
import { connectOptions } from "../support/visit.ts";

const authority = testAuthority();
const server = authority.issue();
const files = { "ca.crt": authority.cert, "server.crt": server.chain, "server.key": server.key };
const block = ipv4Block("192.0.2.7", "198.51.100.1", [4711, 443]);
const headers = {
  v1: v1Line("PROXY TCP4 192.0.2.7 198.51.100.1 4711 443"),
  v2: v2Header({ family: 0x11, block, tlvs: [tlv(0x05, "id-7")] }),
};

interface Tale {
  readonly text: string;
  readonly line: SessionLine;
}

suite("PROXY headers", () => {
  let echo: TestTarget;
  let program: Instance;
  const folder = writeFiles({});
  const unixPath = folder.path("in.sock");

  before(async () => {
    echo = await startEcho();
    const from = "from: [ 127.0.0.0/8, '::1', unix ]";
    program = await startInstance(
      `
tunnels:
  plain: { frontend: { listen: [ "127.0.0.1:0", "unix:${unixPath}" ], proxyProtocol: { ${from} } }, backend: ${echo.port} }
  tls:
    frontend: { listen: "127.0.0.1:0", proxyProtocol: { ${from} }, tls: { cert: server.crt, key: server.key } }
    backend: ${echo.port}
  strict: { frontend: { listen: "127.0.0.1:0", proxyProtocol: { from: [ 10.0.0.0/8, "::/0", unix ] } }, backend: ${echo.port} }
  hasty:
    frontend: { listen: "127.0.0.1:0", proxyProtocol: { ${from} }, timeouts: { handshake: 200ms } }
    backend: ${echo.port}
  wildcard: { frontend: { listen: "0.0.0.0:0" }, backend: ${echo.port} }
`,
      files,
    );
  });

  after(async () => {
    await program[Symbol.asyncDispose]();
    await echo.close();
    folder[Symbol.dispose]();
  });

  async function tell(tunnel: string, pieces: readonly Buffer[], index = 0): Promise<Tale> {
    const count = sessionsSoFar();
    const text = await send(program.address(tunnel, index), pieces);
    return { text, line: (await program.sessions(count + 1)).at(-1) as SessionLine };
  }

  function sessionsSoFar(): number {
    return program.lines.filter(({ event }) => event === "session").length;
  }

  for (const [version, header] of Object.entries(headers)) {
    test(`name the client, ${version}`, async () => {
      const { text, line } = await tell("plain", [Buffer.concat([header, Buffer.from("hello")])]);
      assert.deepEqual(
        [text, line.outcome, line.client, line["local"]],
        ["hello", "completed", "192.0.2.7:4711", "198.51.100.1:443"],
      );
      assert.match((line["proxy"] as { by: string }).by, /^127\.0\.0\.1:\d+$/);
      assert.deepEqual([line.bytesIn, line.bytesOut], [5, 5]);
    });

    test(`are read wherever they are cut, ${version}`, async () => {
      const bytes = Buffer.concat([header, Buffer.from("hello")]);
      const count = sessionsSoFar();
      const cuts = Array.from({ length: bytes.length - 1 }, (_, index) => index + 1);
      const address = program.address("plain");
      const texts = cuts.map((cut) => send(address, [bytes.subarray(0, cut), bytes.subarray(cut)]));
      assert.deepEqual(
        await Promise.all(texts),
        cuts.map(() => "hello"),
      );
      const lines = await program.sessions(count + cuts.length);
      assert.deepEqual(
        lines.slice(count).filter(({ client }) => client !== "192.0.2.7:4711"),
        [],
      );
    });

    test(`are followed by TLS, in the same packet or in others, ${version}`, async () => {
      for (const together of [true, false]) {
        const said = await overTls(program, header, together);
        assert.equal(said, "hello");
        const line = (await program.sessions(1, "tls")).at(-1);
        assert.deepEqual(
          [line?.outcome, line?.client, line?.serverName],
          ["completed", "192.0.2.7:4711", "localhost"],
        );
      }
    });

    test(`from an untrusted peer are refused, ${version}`, async () => {
      const before = echo.sockets.length;
      const { text, line } = await tell("strict", [Buffer.concat([header, Buffer.from("hello")])]);
      assert.deepEqual(
        [text, line.outcome, line.target, line["proxy"]],
        ["", "refused", undefined, undefined],
      );
      assert.match(line.client, /^127\.0\.0\.1:/);
      assert.equal(echo.sockets.length, before);
    });
  }

  test("that are missing close the connection", async () => {
    const before = echo.sockets.length;
    for (const [bytes, reason] of [
      ["GET / HTTP/1.1\r\n\r\n", /does not begin with a PROXY header/],
      ["", /left without sending a PROXY header/],
      ["PROXY TCP4 192.0.2.7", /left in the middle of the PROXY header/],
      ["PROXY TCP4 192.0.2.7 evil 1 2\r\n", /is not one of TCP4/],
    ] as const) {
      const { text, line } = await tell("plain", [Buffer.from(bytes)]);
      assert.deepEqual([text, line.outcome, line.target], ["", "bad-preamble", undefined]);
      assert.match(line.reason ?? "", reason);
      assert.match(line.client, /^127\.0\.0\.1:/);
    }
    assert.equal(echo.sockets.length, before);
  });

  test("that dribble in, or do not come, are not waited for", async () => {
    for (const dribbles of [true, false]) {
      const count = sessionsSoFar();
      const socket = connect(connectOptions(program.address("hasty")));
      const text = received(socket);
      const timer = setInterval(() => dribbles && socket.writable && socket.write(Buffer.of(0x50)), 10);
      socket.write("PROXY UNKNOWN ");
      assert.equal(await text, "");
      clearInterval(timer);
      const line = (await program.sessions(count + 1)).at(-1);
      assert.deepEqual(
        [line?.outcome, line?.reason],
        ["bad-preamble", "the PROXY header has not come in time"],
      );
    }
  });

  test("that are LOCAL or UNKNOWN leave the address as it is", async () => {
    for (const header of [
      v2Header({ versionCommand: 0x20, family: 0x11 }),
      v1Line("PROXY UNKNOWN ffff::1 ffff::1 1 2"),
    ]) {
      const { text, line } = await tell("plain", [header, Buffer.from("hello")]);
      assert.equal(text, "hello");
      assert.match(line.client, /^127\.0\.0\.1:\d+$/);
    }
  });

  test("may name a unix client, and may come over a unix socket", async () => {
    const header = v2Header({ family: 0x31, block: unixBlock("/run/a.sock", "/run/b.sock") });
    const { text, line } = await tell("plain", [header, Buffer.from("hello")], 1);
    assert.deepEqual([text, line.client, line["local"]], ["hello", "unix:/run/a.sock", "unix:/run/b.sock"]);
    assert.deepEqual(line["proxy"], { by: "unix:" });
  });

  test("tell the log what else they know, cut and free of control characters", async () => {
    const ssl = Buffer.concat([
      Buffer.from([7, 0, 0, 0, 0]),
      tlv(0x21, "TLSv1.3"),
      tlv(0x22, `alice\n${"x".repeat(2000)}`),
    ]);
    const tlvs = [
      tlv(1, "h2"),
      tlv(2, "web.example.com"),
      tlv(5, Buffer.from([0, 255])),
      tlv(0x20, ssl),
      tlv(0x04, Buffer.alloc(9000)),
    ];
    const { text, line } = await tell("plain", [
      v2Header({ family: 0x11, block, tlvs }),
      Buffer.from("hello"),
    ]);
    assert.deepEqual([text, line.serverName, line.alpn], ["hello", "web.example.com", "h2"]);
    const { uniqueId, tls } = line["proxy"] as { uniqueId: string; tls: { version: string; client: string } };
    assert.deepEqual([uniqueId, tls.version], ["00ff", "TLSv1.3"]);
    assert.match(tls.client, /^alice\nx{200,600}$/);
  });

  test("end with the program while they are waited for", async () => {
    await using other = await startInstance(`
drainTimeout: 0
tunnels: { one: { frontend: { listen: "127.0.0.1:0", proxyProtocol: { from: [ 127.0.0.1 ] } }, backend: 1 } }
`);
    const socket = connect(connectOptions(other.address("one")));
    const text = received(socket);
    await once(socket, "connect");
    socket.write("PROXY");
    // the session has begun when a later one has ended
    await received(connect(connectOptions(other.address("one"))).end("wrong"));
    await other.sessions(1);
    assert.equal(await other.stop(), 0);
    assert.equal(await text, "");
    assert.equal((await other.sessions(2)).at(-1)?.outcome, "drained");
  });

  test("aside, the log tells which address behind a wildcard a client has reached", async () => {
    const { line } = await tell("wildcard", [Buffer.from("hello")]);
    assert.match(String(line["local"]), /^127\.0\.0\.1:\d+$/);
  });
});

/** Sends these pieces, each in a packet of its own, then its end; resolves with all that comes back. */
async function send(to: Address, pieces: readonly Buffer[]): Promise<string> {
  const socket = connect(connectOptions(to));
  const text = received(socket);
  await once(socket, "connect");
  if (to.kind === "tcp") socket.setNoDelay(true);
  for (const piece of pieces) {
    // a refusal may come before everything is sent
    if (!socket.writable) break;
    await new Promise((written) => socket.write(piece, written));
  }
  socket.end();
  return text;
}

/** Everything until the connection is closed, in whatever way. */
async function received(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on("error", () => {}).on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.once("end", () => socket.end());
  await new Promise((closed) => socket.once("close", closed));
  return Buffer.concat(chunks).toString("latin1");
}

/** Says hello over TLS after the header; `together`: with the ClientHello in one write. */
async function overTls(program: Instance, header: Buffer, together: boolean): Promise<string> {
  const raw = connect(connectOptions(program.address("tls")));
  raw.on("error", () => {});
  await once(raw, "connect");
  if (!together) raw.write(header);
  let pending = together ? header : Buffer.alloc(0);
  const carrier = new Duplex({
    read: () => raw.resume(),
    write: (chunk: Buffer, _, done) => {
      raw.write(Buffer.concat([pending, chunk]), () => done());
      pending = Buffer.alloc(0);
    },
    final: (done) => raw.end(done),
  });
  raw.on("data", (chunk) => carrier.push(chunk));
  raw.on("end", () => carrier.push(null));
  const stream = tlsConnect({ socket: carrier, ca: authority.cert, servername: "localhost" });
  const text: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => text.push(chunk));
  stream.on("error", () => {});
  stream.end("hello");
  await once(stream, "end");
  raw.destroy();
  return Buffer.concat(text).toString();
}
