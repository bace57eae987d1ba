/**
 * A client that stops reading must not make the program buffer what its target goes on sending: one phone in a tunnel
 * would take a gigabyte of memory. When it wakes up, it gets every byte.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { describe, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { testAuthority } from "../support/certificates.ts";
import { startTarget } from "../support/echo.ts";
import { startInstance } from "../support/instance.ts";

const authority = testAuthority();
const identity = authority.issue();
const files = { "cert.pem": identity.chain, "key.pem": identity.key };

const MiB = 1024 * 1024;
const readers = 60;
const piece = Buffer.alloc(MiB, "payload of a target that never tires, ");

describe("a reader that sleeps while 1 GiB waits for it costs less than 2 MiB of memory", () => {
  for (const mode of ["fast", "stream"] as const)
    for (const frontend of ["plain", "tls"] as const)
      test(`${frontend} frontend, relay ${mode}`, async () => {
        await using target = await startTarget((socket) => send(socket, 1024));
        const tls = frontend === "tls" ? ", tls: { cert: cert.pem, key: key.pem }" : "";
        const yaml = `{ relay: ${mode}, tunnels: { t: { frontend: { listen: 127.0.0.1:0${tls} }, backend: ${target.port} } } }`;
        await using instance = await startInstance(yaml, files);
        const before = residentBytes(instance.pid);
        const sockets = await Promise.all(
          Array.from({ length: readers }, () => open(instance.port("t"), frontend)),
        );
        for (const socket of sockets) socket.pause();
        await quiet(() => target.sockets.reduce((sum, socket) => sum + socket.bytesWritten, 0));
        const each = () => (residentBytes(instance.pid) - before) / readers;
        // what was only used on the way is given back when the collector comes round to it
        const cost = await settled(each, 2 * MiB);
        for (const socket of sockets) socket.destroy();
        assert.equal(target.sockets.length, readers);
        assert.ok(cost < 2 * MiB, `${Math.round(cost / 1024)} KiB for each reader`);
      });
});

test("a thousand readers that sleep cost less than 512 KiB each, no more as time passes, and are ended for it", async () => {
  await using target = await startTarget((socket) => send(socket, 1024));
  const timeouts = "timeouts: { stall: 12s }";
  const yaml = `{ tunnels: { t: { frontend: { listen: 127.0.0.1:0, tls: { cert: cert.pem, key: key.pem }, ${timeouts} }, backend: ${target.port} } } }`;
  await using instance = await startInstance(yaml, files);
  const before = residentBytes(instance.pid);
  const many = 1000;
  const sockets: Socket[] = [];
  while (sockets.length < many) {
    const some = Array.from({ length: 50 }, () => open(instance.port("t"), "tls"));
    for (const socket of await Promise.all(some)) sockets.push(socket.pause());
  }
  const each = () => (residentBytes(instance.pid) - before) / many;
  await quiet(() => target.sockets.reduce((sum, socket) => sum + socket.bytesWritten, 0));
  const first = await settled(each, 512 * 1024);
  assert.ok(first < 512 * 1024, `${Math.round(first / 1024)} KiB for each reader`);
  // memory that the first ones leave behind lets the kernel take some more from the others, whose time begins anew
  const ended = await instance.sessions(many);
  const last = each();
  assert.ok(last < first * 1.2, `${Math.round(first / 1024)} KiB have become ${Math.round(last / 1024)}`);
  assert.deepEqual([...new Set(ended.map(({ outcome }) => outcome))], ["idle-timeout"]);
  for (const socket of sockets) socket.destroy();
});

test("a reader that has slept gets every byte in order when it wakes up", async () => {
  await using target = await startTarget((socket) => send(socket, 64));
  const yaml = `{ tunnels: { t: { frontend: 127.0.0.1:0, backend: ${target.port} } } }`;
  await using instance = await startInstance(yaml);
  const socket = await open(instance.port("t"), "plain");
  socket.pause();
  await quiet(() => target.sockets[0]?.bytesWritten ?? 0);
  const digest = createHash("sha256");
  socket.on("data", (chunk: Buffer) => digest.update(chunk)).resume();
  await once(socket, "end");
  const expected = createHash("sha256");
  for (let sent = 0; sent < 64; sent++) expected.update(piece);
  assert.equal(digest.digest("hex"), expected.digest("hex"));
  socket.end();
  const [session] = await instance.sessions(1);
  assert.equal(session?.bytesOut, 64 * MiB);
});

/** Sends `count` MiB as fast as they are taken, then its end. */
function send(socket: Socket, count: number): void {
  let left = count;
  const more = () => {
    while (left > 0) {
      left--;
      if (!socket.write(piece)) return;
    }
    socket.end();
  };
  socket.on("drain", more);
  socket.resume();
  more();
}

async function open(port: number, frontend: "plain" | "tls"): Promise<Socket> {
  const socket =
    frontend === "plain"
      ? connect(port, "127.0.0.1")
      : connectTls({ port, host: "127.0.0.1", ca: authority.cert, servername: "localhost" });
  socket.on("error", () => {});
  await once(socket, frontend === "plain" ? "connect" : "secureConnect");
  return socket;
}

/** Waits until nothing moves any more: the same count, not zero, in ten looks in a row. */
async function quiet(count: () => number): Promise<void> {
  for (let last = -1, same = 0; same < 10; ) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const now = count();
    same = now === last && now > 0 ? same + 1 : 0;
    last = now;
  }
}

/** The figure as soon as it is below the limit, or what it still is after a while. */
async function settled(figure: () => number, limit: number): Promise<number> {
  for (const deadline = Date.now() + 30_000; figure() >= limit && Date.now() < deadline; )
    await new Promise((resolve) => setTimeout(resolve, 200));
  return figure();
}

function residentBytes(pid: number): number {
  return 1024 * Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}
