/**
 * The program is replaced by a newer one, or started by systemd on sockets that are bound already: no connection may be
 * refused in between, and sessions under way must finish where they are.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { writeFiles } from "../support/certificates.ts";
import { startNamed } from "../support/echo.ts";
import { launcher, runToEnd } from "../support/instance.ts";
import { freePort } from "../support/ports.ts";
import { startReloadable } from "../support/reloadable.ts";
import { requires, toolPath } from "../support/requires.ts";
import { visit } from "../support/visit.ts";

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function ended(pid: number): Promise<void> {
  for (const deadline = Date.now() + 20_000; isAlive(pid); await delay(20))
    assert.ok(Date.now() < deadline, `process ${pid} goes on`);
}

/** What a command that asks the running program answers. */
async function ask(socket: string, command: string): Promise<{ readonly pid: number }> {
  const args = [launcher, command, "--socket", socket, "--json"];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as { pid: number };
}

describe("an upgrade", () => {
  for (const workers of [1, 2])
    test(`hands every socket to the new process, with workers: ${workers}`, async () => {
      await using target = await startNamed("here");
      const [port, metrics] = [await freePort(), await freePort()];
      await using program = await startReloadable(
        `workers: ${workers}\nadmin: { socket: run/control.sock, state: run/state.json }\nmetrics: { listen: 127.0.0.1:${metrics} }\ntunnels: { web: { frontend: { listen: [ 127.0.0.1:${port}, "unix:x.sock" ] }, backend: 127.0.0.1:${target.port} } }\n`,
      );
      const socket = program.path("run/control.sock");
      const client = connect(port, "127.0.0.1");
      await once(client, "data");
      const failed: unknown[] = [];
      let going = true;
      const load = Array.from({ length: 2 }, async () => {
        while (going) {
          const { error, text } = await visit(port);
          if (error !== undefined || text !== "here\nhello") failed.push(error ?? text);
        }
      });
      const { pid } = await ask(socket, "upgrade");
      assert.notEqual(pid, program.instance.pid);
      try {
        // the session of before goes on in the old process
        client.write("still here");
        assert.equal(String((await once(client, "data"))[0]), "still here");
        client.destroy();
        await ended(program.instance.pid);
        going = false;
        await Promise.all(load);
        assert.deepEqual(failed, []);
        const unix = { kind: "unix", path: program.path("x.sock") } as const;
        assert.equal((await visit(unix)).text, "here\nhello");
        assert.equal((await ask(socket, "status")).pid, pid);
        assert.equal((await fetch(`http://127.0.0.1:${metrics}/metrics`)).status, 200);
      } finally {
        process.kill(pid, "SIGTERM");
        await ended(pid);
      }
      assert.ok(!existsSync(program.path("x.sock")));
      assert.equal((await visit(port)).error, "ECONNREFUSED");
    });

  test("to a program that does not start changes nothing", async () => {
    await using target = await startNamed("here");
    const port = await freePort();
    await using program = await startReloadable(
      `admin: { socket: run/control.sock }\ntunnels: { web: { frontend: 127.0.0.1:${port}, backend: 127.0.0.1:${target.port} } }\n`,
    );
    writeFileSync(program.path("tunnels.yaml"), "tunnels: [");
    const { exit, stderr } = await runToEnd(["upgrade", "--socket", program.path("run/control.sock")]);
    assert.equal(exit, 1);
    assert.match(stderr, /the new process has ended before it was ready \(exit code 78\)/);
    assert.equal((await visit(port)).text, "here\nhello");
    assert.ok(isAlive(program.instance.pid));
  });
});

describe("under systemd", () => {
  /** Collects what the service manager would be told. */
  async function manager(path: string) {
    const listener = spawn(toolPath("socat"), ["-u", `UNIX-RECV:${path}`, "STDOUT"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    for (const deadline = Date.now() + 10_000; !existsSync(path); await delay(10))
      assert.ok(Date.now() < deadline);
    let text = "";
    listener.stdout?.setEncoding("utf8").on("data", (some: string) => {
      text += some;
    });
    return {
      async told(what: RegExp) {
        for (const deadline = Date.now() + 20_000; !what.test(text); await delay(20))
          assert.ok(Date.now() < deadline, `${what} was not told: ${text}`);
      },
      [Symbol.dispose]: () => void listener.kill(),
    };
  }

  async function untilReady(child: ChildProcess): Promise<void> {
    if (!child.stdout) throw new Error("no pipe");
    for await (const line of createInterface({ input: child.stdout })) if (line.includes('"ready"')) return;
    throw new Error("it ended before it was ready");
  }

  const needs = requires("systemd-socket-activate", "systemd-notify", "socat");
  test(
    "takes the sockets that are bound for it, and tells when it is ready, alive and stopping",
    needs,
    async () => {
      await using target = await startNamed("here");
      const port = await freePort();
      using folder = writeFiles({
        "tunnels.yaml": `tunnels: { web: { frontend: { listen: [ 127.0.0.1:${port} ] }, backend: 127.0.0.1:${target.port} } }\n`,
      });
      using service = await manager(folder.path("notify.sock"));
      const env = { ...process.env, NOTIFY_SOCKET: folder.path("notify.sock"), WATCHDOG_USEC: "400000" };
      const passed = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "PATH", "HOME"].flatMap((name) => ["-E", name]);
      const command = [process.execPath, launcher, "-c", folder.path("tunnels.yaml")];
      const child = spawn(
        toolPath("systemd-socket-activate"),
        [...passed, "-l", `127.0.0.1:${port}`, "--fdname=web", ...command],
        { env, stdio: ["ignore", "pipe", "inherit"] },
      );
      try {
        // it is started by the first connection, which waits in the queue meanwhile
        for (const deadline = Date.now() + 20_000; ; await delay(20)) {
          const early = connect(port, "127.0.0.1");
          const isThere = await once(early, "connect").then(
            () => true,
            () => false,
          );
          early.destroy();
          if (isThere) break;
          assert.ok(Date.now() < deadline);
        }
        await untilReady(child);
        child.stdout?.resume();
        assert.equal((await visit(port)).text, "here\nhello");
        await service.told(/READY=1/);
        await service.told(/WATCHDOG=1/);
        child.kill("SIGTERM");
        const [code] = await once(child, "exit");
        assert.equal(code, 0);
      } finally {
        child.kill("SIGKILL");
      }
    },
  );
});
