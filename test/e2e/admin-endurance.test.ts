/**
 * The control plane goes on for months beside the data path: readers that come and go leave nothing behind, odd requests
 * end only themselves, and several processes answer as one.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { describe, test } from "node:test";
import type { SessionStatus, Status, TargetStatus } from "../../src/core/status.ts";
import { startAdministered } from "../support/admin.ts";
import { startNamed, startOnce } from "../support/echo.ts";
import { freePort } from "../support/ports.ts";
import { requires } from "../support/requires.ts";
import { visit } from "../support/visit.ts";

const told = async (socket: Socket) => String((await once(socket, "data"))[0]);

/** Sends bytes as they are, and resolves with what comes until the connection ends. */
async function raw(place: { path: string } | { port: number; host: string }, bytes: string): Promise<string> {
  const socket = connect(place);
  let answer = "";
  socket.on("error", () => {});
  socket.setEncoding("utf8").on("data", (text: string) => {
    answer += text;
  });
  socket.write(bytes);
  await new Promise((resolve) => socket.once("close", resolve));
  return answer;
}

/** Reads events until told otherwise; `ids` are those of the events that have come. */
async function followEvents(path: string) {
  const socket = connect(path);
  let answer = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    answer += text;
  });
  socket.write("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  while (!answer.includes("these are events")) await once(socket, "data");
  const ids = () => Array.from(answer.matchAll(/^id: (\d+)$/gm), ([, id]) => Number(id));
  return { socket, ids };
}

describe("the admin listeners", requires("curl"), () => {
  test("answer requests that are hardly any, and go on", async () => {
    await using one = await startNamed("one");
    const [port, metrics] = [await freePort(), await freePort()];
    await using program = await startAdministered(
      `metrics: { listen: 127.0.0.1:${metrics} }\ntunnels: { web: { frontend: 127.0.0.1:${port}, backend: 127.0.0.1:${one.port} } }\n`,
    );
    const tail = "HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for (const target of [
      "//",
      "///../..",
      "*",
      "http://[",
      "/%",
      "/api/v1/tunnels/%E0%A4%A",
      "/api/v1/sessions/%00",
      "/metrics?%",
      "http://evil/metrics",
      `/${"a".repeat(8000)}`,
    ])
      for (const place of [{ path: program.socket }, { port: metrics, host: "127.0.0.1" }])
        assert.match(await raw(place, `GET ${target} ${tail}`), /^HTTP\/1\.1 [2-4]\d\d /, target);
    for (const bytes of [
      `GET /api/v1/status HTTP/1.1\r\nConnection: close\r\n\r\n`,
      `GET /api/v1/status HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n`,
      `PUT /api/v1/log HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ])
      assert.match(await raw({ path: program.socket }, bytes), /^HTTP\/1\.1 [24]\d\d /, bytes);
    assert.equal((await program.ask("GET", "/api/v1/status")).status, 200);
    assert.match((await visit(port)).text, /^one\n/);
  });

  test("forget readers of events that have left", async () => {
    await using program = await startAdministered("tunnels: {}\n");
    for (let round = 0; round < 20; round++) {
      const socket = connect(program.socket);
      socket.setEncoding("utf8");
      socket.write("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
      let answer = "";
      while (!answer.includes("these are events")) answer += await told(socket);
      assert.match(answer, /^HTTP\/1\.1 200 /);
      socket.destroy();
    }
    const open = Array.from({ length: 17 }, () => {
      const socket = connect(program.socket);
      socket.write("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
      return socket;
    });
    const answers = await Promise.all(open.map(told));
    assert.equal(answers.filter((answer) => answer.startsWith("HTTP/1.1 200")).length, 16);
    assert.equal(answers.filter((answer) => answer.startsWith("HTTP/1.1 503")).length, 1);
    assert.equal(await program.instance.stop(), 0);
    for (const socket of open) socket.destroy();
  });

  test("lose events for a reader of them that does not read, and for nobody else", async () => {
    await using target = await startOnce();
    await using program = await startAdministered(
      `tunnels: { web: { frontend: 127.0.0.1:0, backend: 127.0.0.1:${target.port} } }\n`,
    );
    const port = program.instance.port("web");
    const [stalled, reader] = [await followEvents(program.socket), await followEvents(program.socket)];
    stalled.socket.pause();
    // more than the sockets' buffers and a reader's queue hold together
    const sessions = 1200;
    for (let round = 0; round < sessions; round += 20)
      await Promise.all(Array.from({ length: 20 }, () => visit(port)));
    const all = Array.from({ length: 2 * sessions }, (_, index) => index + 1);
    while (reader.ids().length < all.length) await once(reader.socket, "data");
    assert.deepEqual(reader.ids(), all);
    stalled.socket.resume();
    while (stalled.ids().at(-1) !== all.at(-1)) await once(stalled.socket, "data");
    const ids = stalled.ids();
    const lost = ids.findIndex((id, index) => id !== index + 1);
    assert.ok(lost > 0 && ids.length < 2 * sessions, `${ids.length} events were kept`);
    // the newest thousand, without another gap
    assert.deepEqual(ids.slice(lost), all.slice(-1000));
    for (const { socket } of [stalled, reader]) socket.destroy();
  });

  test("answer whoever ends the program, before it is gone", async () => {
    for (const [path, body] of [
      ["/api/v1/stop", undefined],
      ["/api/v1/drain", undefined],
      ["/api/v1/drain", {}],
    ] as const) {
      await using program = await startAdministered("tunnels: {}\n");
      assert.equal((await program.ask("POST", path, { body })).status, 202);
      assert.equal(await program.instance.exited(), 0);
    }
  });

  test("stop by a signal is seen, and nothing can be changed any more", async () => {
    await using one = await startNamed("one");
    const port = await freePort();
    await using program = await startAdministered(
      `tunnels: { web: { frontend: 127.0.0.1:${port}, backend: 127.0.0.1:${one.port} } }\n`,
    );
    const client = connect(port, "127.0.0.1");
    assert.equal(await told(client), "one\n");
    program.instance.process.kill("SIGTERM");
    await program.instance.line(({ event }) => event === "draining");
    assert.equal((await program.ask("GET", "/readyz")).status, 503);
    const change = await program.ask<{ message: string }>("DELETE", "/api/v1/tunnels/web");
    assert.equal(change.status, 500);
    assert.match(change.body.message, /the program is draining/);
    client.end();
    assert.equal(await program.instance.exited(), 0);
  });

  test("show four processes as one, and reach each of them", async () => {
    await using one = await startNamed("one");
    await using two = await startNamed("two");
    const port = await freePort();
    await using program = await startAdministered(
      `workers: 4\ntunnels: { web: { frontend: 127.0.0.1:${port}, backend: 127.0.0.1:${one.port} } }\n`,
    );
    const clients = Array.from({ length: 16 }, () => connect(port, "127.0.0.1"));
    for (const client of clients) client.on("error", () => {});
    const names = await Promise.all(clients.map(told));
    assert.deepEqual(new Set(names), new Set(["one\n"]));
    // whatever fails from here on, no session keeps a worker, and with it the test, from ending
    using _ = { [Symbol.dispose]: () => clients.forEach((client) => void client.destroy()) };
    let status: Status;
    do ({ body: status } = await program.ask<Status>("GET", "/api/v1/status"));
    while (status.workers.reduce((sum, worker) => sum + worker.sessions, 0) < 16);
    const [tunnel] = status.tunnels;
    assert.deepEqual(
      [status.workers.length, tunnel?.connections, tunnel?.active, tunnel?.bytes],
      [4, 16, 16, { in: 0, out: 64 }],
    );
    assert.equal(await program.say("status"), `127.0.0.1:${port}\t127.0.0.1:${one.port}\t16\t0\n`);
    assert.match(
      (await program.ask("GET", "/metrics")).text,
      /^equilibria_connections_total\{tunnel="web"\} 16$/m,
    );
    const { body: sessions } = await program.ask<SessionStatus[]>("GET", "/api/v1/sessions");
    assert.equal(sessions.length, 16);
    const ended = clients.map((client) => new Promise((resolve) => client.once("close", resolve)));
    for (const { id } of sessions)
      assert.equal((await program.ask("DELETE", `/api/v1/sessions/${id}`)).status, 204);
    await Promise.all(ended);
    assert.equal(
      await program.say(`add 127.0.0.1:${port} 127.0.0.1:${two.port}`),
      `Added:  127.0.0.1:${port} -> 127.0.0.1:${two.port}\n`,
    );
    const target = `/api/v1/tunnels/web/targets/127.0.0.1:${one.port}`;
    const { body } = await program.ask<TargetStatus>("POST", target, { body: { admin: "disabled" } });
    assert.deepEqual([body.admin, body.connections], ["disabled", 16]);
    const visits = await Promise.all(Array.from({ length: 20 }, () => visit(port)));
    assert.deepEqual(new Set(visits.map(({ text }) => text.split("\n")[0])), new Set(["two"]));
    await program.ask("DELETE", "/api/v1/tunnels/web");
    // each process closes its own end of the socket, a moment later
    for (let error: string | undefined; error !== "ECONNREFUSED"; ) ({ error } = await visit(port));
  });
});
