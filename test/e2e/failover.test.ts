/**
 * A target can die at any moment of a session. What the client sees then is the configuration's choice, and each choice
 * must hold to the byte: nothing sent twice that was answered, nothing lost that was promised to be kept.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { startTarget } from "../support/echo.ts";
import { startInstance } from "../support/instance.ts";

/** Resets its connections once `bytes` have come. */
function dyingTarget(bytes: number, answer?: string) {
  return startTarget((socket) => {
    let got = 0;
    socket.on("data", (chunk: Buffer) => {
      got += chunk.length;
      if (got < bytes) return;
      if (answer === undefined) socket.resetAndDestroy();
      else socket.write(answer, () => socket.resetAndDestroy());
    });
  });
}

/** Collects what comes, and says by name how it began. */
function namedTarget(name: string) {
  return startTarget((socket) => {
    socket.on("data", (chunk: Buffer) => socket.write(`${name}:${chunk}`));
    socket.on("end", () => socket.end());
  });
}

function configuration(failover: string, targets: readonly number[], listen = "127.0.0.1:0"): string {
  const list = targets.map((port) => `127.0.0.1:${port}`).join(", ");
  return `tunnels: { t: { frontend: "${listen}", backend: { failover: ${failover}, passive: { failures: 0 }, targets: [ ${list} ] } } }`;
}

async function client(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** once() would reject on the reset that some tests expect. */
function closed(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => socket.once("close", resolve));
}

async function next(socket: Socket): Promise<string> {
  const [chunk] = (await once(socket, "data")) as [Buffer];
  return chunk.toString();
}

test("with failover connect, a session that loses its target is reset", async () => {
  await using dying = await dyingTarget(5);
  await using other = await namedTarget("other");
  await using instance = await startInstance(configuration("connect", [dying.port, other.port]));
  const socket = await client(instance.port("t"));
  socket.write("hello");
  await closed(socket);
  const [session] = await instance.sessions(1);
  assert.equal(session?.outcome, "target-reset");
  assert.equal(other.sockets.length, 0);
});

test("with failover replay, what a target had not answered is sent again to another", async () => {
  await using dying = await dyingTarget(5);
  await using other = await namedTarget("other");
  await using instance = await startInstance(configuration("replay", [dying.port, other.port]));
  const socket = await client(instance.port("t"));
  socket.write("hello");
  assert.equal(await next(socket), "other:hello");
  socket.end();
  await closed(socket);
  const [session] = await instance.sessions(1);
  assert.equal(session?.outcome, "completed");
  assert.equal(session?.target, `127.0.0.1:${other.port}`);
  assert.equal(session?.bytesIn, 5);
  assert.equal(session?.attempts, 2);
});

test("with failover replay, a half-close before the loss reaches the new target", async () => {
  await using dying = await dyingTarget(5);
  await using other = await namedTarget("other");
  await using instance = await startInstance(configuration("replay", [dying.port, other.port]));
  const socket = connect({ port: instance.port("t"), host: "127.0.0.1", allowHalfOpen: true });
  socket.end("hello");
  assert.equal(await next(socket), "other:hello");
  await once(socket, "end");
  assert.equal((await instance.sessions(1))[0]?.outcome, "completed");
});

test("with failover replay, nothing is sent again once the client has an answer", async () => {
  await using dying = await dyingTarget(5, "half an answ");
  await using other = await namedTarget("other");
  await using instance = await startInstance(configuration("replay", [dying.port, other.port]));
  const socket = await client(instance.port("t"));
  socket.write("hello");
  await closed(socket);
  assert.equal((await instance.sessions(1))[0]?.outcome, "target-reset");
  assert.equal(other.sockets.length, 0);
});

test("with failover replay, a client that has sent more than is kept is reset", async () => {
  await using dying = await dyingTarget(100_000);
  await using other = await namedTarget("other");
  await using instance = await startInstance(configuration("replay", [dying.port, other.port]));
  const socket = await client(instance.port("t"));
  socket.write(Buffer.alloc(100_000, "x"));
  await closed(socket);
  assert.equal((await instance.sessions(1))[0]?.outcome, "target-reset");
  assert.equal(other.sockets.length, 0);
});

test("with failover stream, the same client goes on with another target from its next byte", async () => {
  await using dying = await dyingTarget(5, "one");
  await using other = await namedTarget("other");
  await using instance = await startInstance(configuration("stream", [dying.port, other.port]));
  const socket = await client(instance.port("t"));
  socket.write("hello");
  assert.equal(await next(socket), "one");
  // the loss is noticed before the next byte is sent, or that byte goes the way of the lost target
  await once(other.server, "connection");
  socket.write("again");
  assert.equal(await next(socket), "other:again");
  socket.end();
  await closed(socket);
  assert.equal((await instance.sessions(1))[0]?.outcome, "completed");
});

test("when no other target is left, the loss ends the session", async () => {
  await using dying = await dyingTarget(5);
  await using instance = await startInstance(configuration("stream", [dying.port]));
  const socket = await client(instance.port("t"));
  socket.write("hello");
  await closed(socket);
  assert.equal((await instance.sessions(1))[0]?.outcome, "target-reset");
});
