/**
 * Whoever does not get on with it must not hold a session for ever: a client that dribbles its handshake, a target that takes the
 * connection and says nothing, a network that swallows packets. Each wait has an end that no trickle of bytes puts off.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { after, before, suite, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { testAuthority } from "../support/certificates.ts";
import { startEcho, startTarget, type TestTarget } from "../support/echo.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { endOf, endsOf, openClient, sessionOf, visit } from "../support/visit.ts";

const authority = testAuthority();
const server = authority.issue();

/** The first flight of a TLS client. */
async function clientHello(): Promise<Buffer> {
  const listener = createServer();
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const client = connectTls({ port: (listener.address() as { port: number }).port, host: "127.0.0.1" });
  client.on("error", () => {});
  const [socket] = (await once(listener, "connection")) as [Socket];
  const [hello] = (await once(socket, "data")) as [Buffer];
  client.destroy();
  socket.destroy();
  listener.close();
  return hello;
}

/**
 * A port that swallows connections: a process that listens but is stopped, its queue full, so that the kernel answers no
 * SYN any more.
 */
async function blackHole(): Promise<{ readonly port: number; close(): void }> {
  const program = `require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, function () {
    console.log(this.address().port);
  })`;
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = await once(child.stdout, "data");
  const port = Number(line);
  child.kill("SIGSTOP");
  const fillers: Socket[] = [];
  for (let connected = true; connected; ) {
    const filler = connect(port, "127.0.0.1");
    filler.on("error", () => {});
    fillers.push(filler);
    connected = await Promise.race([
      once(filler, "connect").then(() => true),
      new Promise<boolean>((resolve) => setTimeout(resolve, 500, false)),
    ]);
  }
  return {
    port,
    close: () => {
      for (const filler of fillers) filler.destroy();
      child.kill("SIGKILL");
    },
  };
}

suite("while a session is set up", { concurrency: true }, () => {
  let echo: TestTarget;
  let silent: TestTarget;
  let patient: TestTarget;
  let hole: Awaited<ReturnType<typeof blackHole>>;
  let program: Instance;

  before(async () => {
    echo = await startEcho();
    silent = await startTarget(() => {});
    patient = await startTarget((socket) => socket.resume());
    hole = await blackHole();
    const connecting = "connect: { timeout: 600ms, attempts: 1 }";
    program = await startInstance(
      `
tunnels:
  handshake:
    frontend:
      listen: 127.0.0.1:0
      tls: { cert: c, key: k }
      timeouts: { handshake: 600ms }
    backend: ${echo.port}
  hole: { frontend: "127.0.0.1:0", backend: { targets: [ ${hole.port} ], ${connecting} } }
  silent: { frontend: "127.0.0.1:0", backend: { targets: [ ${silent.port} ], tls: { verify: none }, ${connecting} } }
  patient: { frontend: "127.0.0.1:0", backend: { targets: [ ${patient.port} ], tls: { verify: none }, connect: { timeout: 1h } } }
  two: { frontend: "127.0.0.1:0", backend: { targets: [ ${hole.port}, ${echo.port} ], connect: { timeout: 600ms, race: "0" } } }
  race: { frontend: "127.0.0.1:0", backend: { targets: [ ${hole.port}, ${echo.port} ], connect: { timeout: 1h, deadline: 1h } } }
  deadline: { frontend: "127.0.0.1:0", backend: { targets: [ ${hole.port}, ${silent.port} ], tls: { verify: none }, connect: { timeout: 1h, deadline: 600ms } } }`,
      { c: server.chain, k: server.key },
    );
  });

  after(async () => {
    await program[Symbol.asyncDispose]();
    await Promise.all([echo, silent, patient].map((target) => target.close()));
    hole.close();
  });

  /** Connects, lets `act` have the socket, and says how and after how many milliseconds it ended. */
  async function attempt(tunnel: string, act: (socket: Socket) => void = () => {}) {
    const started = performance.now();
    const socket = await openClient(program.port(tunnel));
    const ends = endsOf(socket);
    act(socket);
    const end = await endOf(socket);
    const ms = performance.now() - started;
    return { end, ms, line: await sessionOf(program, ends) };
  }

  const handshakes: Readonly<Record<string, (socket: Socket, hello: Buffer) => void>> = {
    "a client that sends a byte of its hello now and then": (socket, hello) => {
      let sent = 0;
      const dribble = setInterval(() => socket.write(hello.subarray(sent, ++sent)), 20);
      socket.once("close", () => clearInterval(dribble));
    },
    "a client that says hello and then nothing": (socket, hello) => void socket.write(hello),
    "a client that says nothing": () => {},
  };
  for (const [who, act] of Object.entries(handshakes))
    test(`${who} is closed when the time for the handshake is over`, async () => {
      const hello = await clientHello();
      const { ms, line } = await attempt("handshake", (socket) => act(socket, hello));
      assert.ok(ms >= 600, `${ms} ms`);
      assert.deepEqual([line.outcome, line.reason], ["handshake-failed", "no TLS handshake within 600ms"]);
    });

  test("the time for the handshake ends with it", async () => {
    const socket = connectTls({
      port: program.port("handshake"),
      host: "127.0.0.1",
      rejectUnauthorized: false,
    });
    await once(socket, "secureConnect");
    const until = performance.now() + 1500;
    while (performance.now() < until) {
      socket.write("x");
      await once(socket, "data");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    socket.end();
    assert.equal(await endOf(socket), "eof");
  });

  for (const [tunnel, what] of [
    ["hole", "a target that does not take the connection"],
    ["silent", "a target that takes the connection and does not answer the TLS hello"],
  ] as const)
    test(`${what} is given up after connect.timeout`, async () => {
      const { ms, line, end } = await attempt(tunnel);
      assert.ok(ms >= 600, `${ms} ms`);
      assert.equal(line.outcome, "connect-failed");
      assert.match(line.reason ?? "", /: no connection within 600ms$/);
      assert.equal(end, "ECONNRESET");
    });

  test("the next target is tried after one that has timed out", async () => {
    const visited = await visit(program.port("two"));
    assert.equal(visited.text, "hello");
    const { target, attempts, outcome } = await sessionOf(program, visited);
    assert.deepEqual([target, attempts, outcome], [`127.0.0.1:${echo.port}`, 2, "completed"]);
  });

  test("the next target is tried beside one that does not answer, long before its timeout", async () => {
    const visited = await visit(program.port("race"));
    assert.equal(visited.text, "hello");
    const { target, attempts } = await sessionOf(program, visited);
    assert.deepEqual([target, attempts], [`127.0.0.1:${echo.port}`, 2]);
  });

  test("connect.deadline holds for all attempts together", async () => {
    const { ms, line } = await attempt("deadline");
    assert.ok(ms >= 600, `${ms} ms`);
    assert.equal(line.outcome, "connect-failed");
    assert.equal(line.attempts, 2);
  });

  test("a client that leaves while its target is dialled ends the attempt", async () => {
    const dialled = once(patient.server, "connection");
    const socket = await openClient(program.port("patient"));
    const ends = endsOf(socket);
    const [attempted] = (await dialled) as [Socket];
    const over = once(attempted, "end");
    socket.resetAndDestroy();
    await over;
    const { outcome } = await sessionOf(program, ends);
    assert.equal(outcome, "client-reset");
  });
});
