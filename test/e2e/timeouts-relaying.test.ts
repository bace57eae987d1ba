/**
 * The clocks of a running session. One that is too eager cuts a slow download, one that is too patient lets dead peers fill the
 * memory; which byte resets which clock is what makes the difference.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { after, before, suite, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startEcho, startTarget, type TestTarget } from "../support/echo.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { endOf, endsOf, openClient, sessionOf } from "../support/visit.ts";

const block = Buffer.alloc(64 * 1024, "x");

/** Sends as much as is taken, for ever. */
function flood(socket: Socket): void {
  const more = () => {
    while (socket.writable && socket.write(block));
  };
  socket.on("drain", more);
  more();
}

suite("a running session", { concurrency: true }, () => {
  const targets: TestTarget[] = [];
  let program: Instance;

  before(async () => {
    const echo = await startEcho();
    const sink = await startTarget((socket) => socket.resume());
    const flooding = await startTarget(flood);
    const ticking = await startTarget((socket) => {
      const timer = setInterval(() => socket.write("."), 100);
      socket.resume().once("close", () => clearInterval(timer));
    });
    // answers the client's end after three times the limit, a byte now and then
    const late = await startTarget((socket) => {
      socket.resume().once("end", async () => {
        for (let count = 0; count < 24; count++) {
          socket.write(".");
          await delay(100);
        }
        socket.end("!");
      });
    });
    // reads nothing at all
    const stuck = await startTarget((socket) => socket.pause());
    targets.push(echo, sink, flooding, ticking, late, stuck);
    const tunnel = (name: string, { port }: TestTarget, timeouts: string) =>
      `\n  ${name}: { frontend: { listen: "127.0.0.1:0", timeouts: { ${timeouts} } }, backend: ${port} }`;
    program = await startInstance(
      `tunnels:${[
        tunnel("idle", echo, "idle: 1s"),
        tunnel("idle-out", ticking, "idle: 1s"),
        tunnel("idle-in", sink, "idle: 1s"),
        tunnel("half", sink, "idle: 1h, halfClose: 800ms"),
        tunnel("half-late", late, "idle: 1h, halfClose: 800ms"),
        tunnel("life", echo, "lifetime: 800ms"),
        tunnel("stall", flooding, "idle: 1h, stall: 1s"),
        tunnel("stall-in", stuck, "idle: 1h, stall: 1s"),
        tunnel("slow", flooding, "idle: 3s, stall: 3s"),
        tunnel("never", echo, "idle: 0, stall: 0, halfClose: 0, lifetime: 0"),
      ].join("")}`,
    );
  });

  after(async () => {
    await program[Symbol.asyncDispose]();
    for (const target of targets) await target.close();
  });

  async function open(tunnel: string) {
    const started = performance.now();
    const socket = await openClient(program.port(tunnel));
    const ends = endsOf(socket);
    return {
      socket,
      /** How it ended, after how many milliseconds, and what the log says of it. */
      ended: async () => {
        const end = await endOf(socket);
        return { end, ms: performance.now() - started, line: await sessionOf(program, ends) };
      },
    };
  }

  test("is ended when no byte has moved for as long as idle says, with a reset", async () => {
    const { socket, ended } = await open("idle");
    socket.write("once");
    const { end, ms, line } = await ended();
    assert.ok(ms >= 1000, `${ms} ms`);
    assert.deepEqual([line.outcome, line.reason, end], ["idle-timeout", "no byte for 1s", "ECONNRESET"]);
    assert.deepEqual([line.bytesIn, line.bytesOut], [4, 4]);
  });

  test("goes on while the target alone sends", async () => {
    const { socket } = await open("idle-out");
    let received = 0;
    while (received < 25) received += ((await once(socket, "data")) as [Buffer])[0].length;
    socket.destroy();
  });

  test("goes on while the client alone sends", async () => {
    const { socket, ended } = await open("idle-in");
    for (let count = 0; count < 25; count++) {
      socket.write(".");
      await delay(100);
    }
    const { line, ms } = await ended();
    assert.equal(line.bytesIn, 25);
    assert.ok(ms >= 3400, `${ms} ms`);
  });

  test("is ended when one side has ended and the other says nothing for as long as halfClose says", async () => {
    const { socket, ended } = await open("half");
    socket.end("all I have");
    const { ms, line } = await ended();
    assert.ok(ms >= 800, `${ms} ms`);
    assert.deepEqual(
      [line.outcome, line.reason, line.bytesIn],
      ["idle-timeout", "no byte for 800ms after one side had ended", 10],
    );
  });

  test("may go on for longer than halfClose while the other side still sends", async () => {
    const { socket, ended } = await open("half-late");
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.end();
    const { end, line } = await ended();
    assert.deepEqual([text, end, line.outcome], [`${".".repeat(24)}!`, "eof", "completed"]);
  });

  test("is ended when its lifetime is over, whatever moves", async () => {
    const { socket, ended } = await open("life");
    const writing = setInterval(() => socket.write("."), 20);
    socket.once("close", () => clearInterval(writing));
    const { ms, line } = await ended();
    assert.ok(ms >= 800, `${ms} ms`);
    assert.deepEqual([line.outcome, line.reason], ["lifetime", "the session's lifetime is over"]);
  });

  test("is ended when the client takes nothing of what waits for it for as long as stall says", async () => {
    const { socket } = await open("stall");
    const ends = endsOf(socket);
    socket.pause();
    const { outcome, reason, bytesOut } = await sessionOf(program, ends);
    assert.deepEqual([outcome, reason], ["idle-timeout", "the client took no byte for 1s"]);
    assert.ok(bytesOut > 0);
    socket.destroy();
  });

  test("is ended when the target takes nothing of what waits for it for as long as stall says", async () => {
    const { socket, ended } = await open("stall-in");
    flood(socket);
    const { line } = await ended();
    assert.deepEqual([line.outcome, line.reason], ["idle-timeout", "the target took no byte for 1s"]);
  });

  test("goes on with a client that reads slowly, but does read", async () => {
    const { socket } = await open("slow");
    socket.pause();
    let received = 0;
    const until = performance.now() + 7000;
    while (performance.now() < until) {
      await delay(50);
      // far below what the target could send; the kernel takes more only when about 1.4 MB have gone out
      for (let taken = 0; taken < 2 * block.length; ) {
        const chunk = socket.read() as Buffer | null;
        if (!chunk) break;
        taken += chunk.length;
        received += chunk.length;
      }
      assert.ok(!socket.destroyed, "the session was ended");
    }
    assert.ok(received > 1024 * 1024);
    socket.destroy();
  });

  test("goes on for ever when all clocks are off", async () => {
    const { socket, ended } = await open("never");
    await delay(3000);
    socket.end("still here");
    const { end, line } = await ended();
    assert.deepEqual([end, line.outcome, line.bytesOut], ["eof", "completed", 10]);
  });
});
