/**
 * Several processes carry connections: together they must behave as one, and one that dies or hangs must cost its own
 * sessions and nothing else (reliability goals P1, P2, P6).
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type ConnectionOptions, connect as tlsConnect } from "node:tls";
import { testAuthority } from "../support/certificates.ts";
import { startNamed, startOnce } from "../support/echo.ts";
import type { Instance } from "../support/instance.ts";
import { freePort } from "../support/ports.ts";
import { startReloadable } from "../support/reloadable.ts";
import { visit } from "../support/visit.ts";

/** The processes that carry connections, as the kernel knows them. */
function workersOf(instance: Instance): readonly number[] {
  const { pid } = instance;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return children === "" ? [] : children.split(" ").map(Number);
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const deadline = Date.now() + 30_000; !(await condition()); await delay(20))
    if (Date.now() > deadline) throw new Error(`it never came about: ${what}`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/status`, "utf8").includes("State:\tZ");
  } catch {
    return false;
  }
}

const hello = async (socket: Socket) => String((await once(socket, "data"))[0]);

/** The metrics as they are now: by name, with labels. */
async function scrape(port: number): Promise<(name: string) => number> {
  // a connection that is kept may end just when it is used again
  const headers = { connection: "close" };
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers })).text();
  const lines = text.split("\n");
  return (name) =>
    Number(
      lines
        .find((line) => line.startsWith(`${name} `))
        ?.split(" ")
        .at(-1),
    );
}

/** How often workers are killed; a longer run is asked for by this variable. */
const kills = Number(process.env["EQUILIBRIA_KILLS"] ?? 6);

describe("workers", () => {
  test("share the connections, and their counts add up to what clients have seen", async () => {
    await using target = await startOnce();
    const [port, metrics] = [await freePort(), await freePort()];
    await using program = await startReloadable(
      `workers: 4\nmetrics: { listen: 127.0.0.1:${metrics} }\ntunnels: { web: { frontend: 127.0.0.1:${port}, backend: 127.0.0.1:${target.port} } }\n`,
    );
    assert.equal(workersOf(program.instance).length, 4);
    const visits = await Promise.all(Array.from({ length: 100 }, () => visit(port, { say: "hello" })));
    assert.deepEqual(new Set(visits.map(({ text }) => text)), new Set(["hello"]));
    await program.instance.sessions(100);
    const value = await scrape(metrics);
    assert.equal(value('equilibria_connections_total{tunnel="web"}'), 100);
    assert.equal(value('equilibria_sessions_total{tunnel="web",outcome="completed"}'), 100);
    assert.equal(value('equilibria_bytes_total{tunnel="web",direction="in"}'), 500);
    assert.equal(value('equilibria_connections_active{tunnel="web"}'), 0);
    assert.equal(value('equilibria_session_duration_seconds_count{tunnel="web"}'), 100);
  });

  test("that are killed under load cost their own sessions only, and are replaced", async () => {
    await using target = await startNamed("here");
    const [port, metrics] = [await freePort(), await freePort()];
    await using program = await startReloadable(
      `workers: 2\nmetrics: { listen: 127.0.0.1:${metrics} }\ntunnels: { web: { frontend: 127.0.0.1:${port}, backend: 127.0.0.1:${target.port} } }\n`,
    );
    const connections = 'equilibria_connections_total{tunnel="web"}';
    const clients = 4;
    const failures: (string | undefined)[] = [];
    let served = 0;
    let going = true;
    const load = Array.from({ length: clients }, async () => {
      while (going) {
        const { error, text } = await visit(port);
        if (error === undefined && text === "here\nhello") served++;
        else failures.push(error);
      }
    });
    // a failure ends the load as well
    using _ = {
      [Symbol.dispose]() {
        going = false;
      },
    };
    for (let count = 0; count < kills; count++) {
      const [victim = 0, other] = workersOf(program.instance);
      const before = served;
      const counted = (await scrape(metrics))(connections);
      process.kill(victim, "SIGKILL");
      await until(() => served > before + 20, "service by the other worker");
      await until(() => {
        const now = workersOf(program.instance);
        return now.length === 2 && !now.includes(victim);
      }, "a worker in its place");
      await program.instance.line(
        () => program.instance.lines.filter(({ event }) => event === "worker-started").length > count,
        "the record of the worker that is back",
      );
      assert.ok(other);
      // what the dead have told is not lost
      assert.ok((await scrape(metrics))(connections) >= counted);
    }
    going = false;
    await Promise.all(load);
    // a visit never hangs: that would have failed the load
    assert.ok(failures.length <= clients * kills, `${failures.length} failures`);
    assert.ok(!failures.includes("ECONNREFUSED"));
    assert.equal((await scrape(metrics))("equilibria_worker_exits_total"), kills);
  });

  test("one that hangs is found out and replaced, and new connections never wait for it", async () => {
    await using target = await startNamed("here");
    const port = await freePort();
    await using program = await startReloadable(
      `workers: 2\ntunnels: { web: { frontend: 127.0.0.1:${port}, backend: 127.0.0.1:${target.port} } }\n`,
    );
    const [victim = 0] = workersOf(program.instance);
    process.kill(victim, "SIGSTOP");
    let going = true;
    const load = (async () => {
      while (going) assert.equal((await visit(port)).text, "here\nhello");
    })();
    await program.instance.line(({ event }) => event === "worker-started", "a worker in its place");
    going = false;
    await load;
    assert.ok(!isAlive(victim));
  });

  test("finish what they carry when the supervisor is gone, and end with it", async () => {
    await using target = await startNamed("here");
    const port = await freePort();
    await using program = await startReloadable(
      `workers: 2\ntunnels: { web: { frontend: 127.0.0.1:${port}, backend: 127.0.0.1:${target.port} } }\n`,
    );
    const workers = workersOf(program.instance);
    const client = connect(port, "127.0.0.1");
    assert.equal(await hello(client), "here\n");
    program.instance.process.kill("SIGKILL");
    await until(() => workers.filter(isAlive).length === 1, "the end of the idle worker");
    client.write("still here");
    assert.equal(await hello(client), "still here");
    client.destroy();
    await until(() => !workers.some(isAlive), "the end of the other worker");
  });

  test("all take a new configuration, or none does", async () => {
    await using one = await startNamed("one");
    await using two = await startNamed("two");
    const port = await freePort();
    const yaml = (target: number, more = "") =>
      `workers: 2\ntunnels:\n  web: { frontend: 127.0.0.1:${port}, backend: 127.0.0.1:${target} }\n${more}`;
    await using program = await startReloadable(yaml(one.port));
    const names = async () =>
      new Set(
        await Promise.all(Array.from({ length: 40 }, async () => (await visit(port)).text.split("\n")[0])),
      );
    assert.equal((await program.reload(yaml(two.port))).event, "config-applied");
    assert.deepEqual(await names(), new Set(["two"]));
    const more = `  other: { frontend: 127.0.0.1:${one.port}, backend: 127.0.0.1:9 }\n`;
    const rejected = await program.reload(yaml(one.port, more));
    assert.equal(rejected.event, "config-rejected");
    assert.match(String(rejected["reason"]), /cannot listen on 127\.0\.0\.1:\d+: address already in use/);
    assert.deepEqual(await names(), new Set(["two"]));
  });

  test("resume each other's TLS sessions", async () => {
    await using target = await startOnce();
    const port = await freePort();
    const { cert, key } = testAuthority().issue();
    await using program = await startReloadable(
      `workers: 2\ntunnels: { web: { frontend: { listen: 127.0.0.1:${port}, tls: { cert: a.crt, key: a.key } }, backend: 127.0.0.1:${target.port} } }\n`,
      { "a.crt": cert, "a.key": key },
    );
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      const options: ConnectionOptions = { host: "127.0.0.1", port, maxVersion, rejectUnauthorized: false };
      const first = tlsConnect(options);
      const given = once(first, "session");
      first.write("hello");
      const [[session]] = await Promise.all([given, once(first, "data")]);
      first.destroy();
      const reused = await Promise.all(
        Array.from({ length: 20 }, async () => {
          const socket = tlsConnect({ ...options, session });
          await once(socket, "secureConnect");
          const was = socket.isSessionReused();
          socket.destroy();
          return was;
        }),
      );
      assert.deepEqual(reused, Array(20).fill(true), maxVersion);
    }
    // both of them have had some: else nothing was shown
    const ids = (await program.instance.sessions(42)).map(({ id }) => String(id).split("-")[0]);
    assert.equal(new Set(ids).size, 2);
  });

  test("let sessions finish on TERM, and end at once on the second one", async () => {
    await using target = await startNamed("here");
    const port = await freePort();
    await using program = await startReloadable(
      `workers: 2\ntunnels: { web: { frontend: 127.0.0.1:${port}, backend: 127.0.0.1:${target.port} } }\n`,
    );
    const client = connect(port, "127.0.0.1");
    client.on("error", () => {});
    assert.equal(await hello(client), "here\n");
    program.instance.process.kill("SIGTERM");
    await until(async () => (await visit(port)).error === "ECONNREFUSED", "an end of accepting");
    client.write("still here");
    assert.equal(await hello(client), "still here");
    program.instance.process.kill("SIGTERM");
    assert.equal(await program.instance.exited(), 0);
    // visits that were still let in have completed
    const outcomes = program.instance.lines.flatMap((line) =>
      line.event === "session" ? [line["outcome"]] : [],
    );
    assert.equal(outcomes.at(-1), "drained");
  });

  const notRoot = { skip: process.getuid?.() === 0 ? false : "optional: needs root" };
  test("are another user, while ports below 1024 can still be bound", notRoot, async () => {
    await using target = await startNamed("here");
    const yaml = (port: number) =>
      `user: nobody\ntunnels: { web: { frontend: 127.0.0.1:${port}, backend: 127.0.0.1:${target.port} } }\n`;
    await using program = await startReloadable(yaml(889));
    const [worker = 0] = workersOf(program.instance);
    const ids = (pid: number) =>
      /^Uid:\s+(\d+)\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.slice(1);
    assert.deepEqual(ids(worker), ["65534", "65534"]);
    assert.deepEqual(ids(program.instance.pid), ["0", "0"]);
    assert.equal((await visit(889)).text, "here\nhello");
    assert.equal((await program.reload(yaml(888))).event, "config-applied");
    assert.equal((await visit(888)).text, "here\nhello");
    assert.equal((await visit(889)).error, "ECONNREFUSED");
  });
});
