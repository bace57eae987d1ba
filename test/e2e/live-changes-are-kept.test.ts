/**
 * What operators change while the program runs must be there again after anything: kill -9, a broken disk, a damaged
 * file. And the file that they write themselves must stay as they wrote it.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { OverlayEntry, ReloadResult } from "../../src/core/control.ts";
import type { Status, TargetStatus, TunnelStatus } from "../../src/core/status.ts";
import { ask, startAdministered } from "../support/admin.ts";
import { startNamed } from "../support/echo.ts";
import { Instance, runToEnd } from "../support/instance.ts";
import { freePort } from "../support/ports.ts";
import { run } from "../support/program.ts";
import { requires } from "../support/requires.ts";
import { visit } from "../support/visit.ts";

type Failure = Extract<ReloadResult, { ok: false }>;
const name = async (port: number) => (await visit(port)).text.split("\n")[0];
const admin = "admin: { socket: run/control.sock, state: state/state.json }\n";

describe("live changes", requires("curl"), () => {
  test("are there again after kill -9, with the operator's words; what was deleted stays deleted", async () => {
    await using one = await startNamed("one");
    await using two = await startNamed("two");
    const [port, gone, fresh] = [await freePort(), await freePort(), await freePort()];
    const yaml = `${admin}tunnels:
  web: { frontend: 127.0.0.1:${port}, backend: [127.0.0.1:${one.port}, 127.0.0.1:${two.port}] }
  gone: { frontend: 127.0.0.1:${gone}, backend: 127.0.0.1:${one.port} }
`;
    await using program = await startAdministered(yaml);
    const before = readFileSync(program.path("tunnels.yaml"), "utf8");
    const target = `/api/v1/tunnels/web/targets/127.0.0.1:${one.port}`;
    await program.ask("POST", target, { body: { admin: "disabled" } });
    await program.ask("DELETE", "/api/v1/tunnels/gone");
    await program.ask("PUT", "/api/v1/tunnels/fresh", {
      body: { frontend: `127.0.0.1:${fresh}`, backend: `127.0.0.1:${two.port}` },
    });
    await program.ask("PATCH", "/api/v1/tunnels/web", { body: { backend: { balance: "random" } } });
    const document = (await program.ask("GET", "/api/v1/config")).text;
    const overlay = (await program.ask("GET", "/api/v1/overlay")).text;
    // its folder goes with the first process: go on in a copy of it
    const folder = program.path(`../kept-${program.instance.pid}`);
    renameSync(program.path("."), folder);
    mkdirSync(program.path("."));
    assert.equal(await program.instance.stop("SIGKILL"), "SIGKILL");
    try {
      await using again = new Instance(["-c", `${folder}/tunnels.yaml`]);
      await again.line(({ event }) => event === "ready");
      const get = <Body>(path: string) =>
        ask<Body>("GET", `http://localhost${path}`, {
          args: ["--unix-socket", `${folder}/run/control.sock`],
        });
      assert.equal((await get("/api/v1/config")).text, document);
      assert.equal((await get("/api/v1/overlay")).text, overlay);
      const { body: status } = await get<Status>("/api/v1/status");
      assert.deepEqual(
        status.tunnels.map((tunnel) => [tunnel.name, tunnel.origin, tunnel.balance]),
        [
          ["web", "overlay", "random"],
          ["fresh", "overlay", "round-robin"],
        ],
      );
      assert.equal((await get<TargetStatus>(target)).body.admin, "disabled");
      assert.deepEqual([await name(port), await name(port), await name(fresh)], ["two", "two", "two"]);
      assert.equal(readFileSync(`${folder}/tunnels.yaml`, "utf8"), before);
      assert.deepEqual(readdirSync(`${folder}/state`), ["state.json"]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("are there again after kill -9 of supervisor and workers, and so are the sockets they left behind", async () => {
    await using one = await startNamed("one");
    await using two = await startNamed("two");
    const yaml = `workers: 2
${admin}tunnels:
  web: { frontend: unix:web.sock, backend: [127.0.0.1:${one.port}, 127.0.0.1:${two.port}] }
  gone: { frontend: unix:gone.sock, backend: 127.0.0.1:${one.port} }
`;
    await using program = await startAdministered(yaml);
    const target = `/api/v1/tunnels/web/targets/127.0.0.1:${one.port}`;
    await program.ask("POST", target, { body: { admin: "disabled", weight: 7 } });
    await program.ask("DELETE", "/api/v1/tunnels/gone");
    await program.ask("PUT", "/api/v1/tunnels/fresh", {
      body: { frontend: "unix:fresh.sock", backend: `127.0.0.1:${two.port}` },
    });
    const document = (await program.ask("GET", "/api/v1/config")).text;
    const { body: before } = await program.ask<Status>("GET", "/api/v1/status");
    const folder = program.path(`../all-killed-${program.instance.pid}`);
    renameSync(program.path("."), folder);
    mkdirSync(program.path("."));
    // in one go: neither can a worker be replaced, nor end by itself
    const killed = [program.instance.pid, ...before.workers.map(({ pid }) => pid)];
    assert.equal(killed.length, 3);
    for (const pid of killed) process.kill(pid, "SIGKILL");
    assert.equal(await program.instance.exited(), "SIGKILL");
    const sockets = ["run/control.sock", "web.sock", "fresh.sock"].map((path) => `${folder}/${path}`);
    try {
      for (const path of sockets)
        assert.equal((await visit({ kind: "unix", path })).error, "ECONNREFUSED", path);
      assert.ok(!existsSync(`${folder}/gone.sock`));
      await using again = new Instance(["-c", `${folder}/tunnels.yaml`]);
      await again.line(({ event }) => event === "ready");
      const get = <Body>(path: string) =>
        ask<Body>("GET", `http://localhost${path}`, { args: ["--unix-socket", sockets[0] ?? ""] });
      assert.equal((await get("/api/v1/config")).text, document);
      const { body: status } = await get<Status>("/api/v1/status");
      assert.equal(status.workers.length, 2);
      assert.deepEqual(
        status.tunnels.map((tunnel) => tunnel.name),
        ["web", "fresh"],
      );
      const { admin: state, weight } = (await get<TargetStatus>(target)).body;
      assert.deepEqual([state, weight], ["disabled", 7]);
      for (const path of sockets.slice(1))
        assert.equal((await visit({ kind: "unix", path })).text, "two\nhello", path);
      assert.ok(!existsSync(`${folder}/gone.sock`));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("go on through a reload of the file, and are dropped one by one or all", async () => {
    await using one = await startNamed("one");
    await using two = await startNamed("two");
    const [port, fresh] = [await freePort(), await freePort()];
    const tunnel = (target: number) =>
      `  web: { frontend: 127.0.0.1:${port}, backend: 127.0.0.1:${target} }\n`;
    await using program = await startAdministered(`${admin}tunnels:\n${tunnel(one.port)}`);
    await program.ask("PUT", "/api/v1/tunnels/fresh", {
      body: { frontend: `127.0.0.1:${fresh}`, backend: `127.0.0.1:${one.port}` },
    });
    await program.ask("PATCH", "/api/v1/tunnels/web", { body: { frontend: { timeouts: { idle: "9m" } } } });
    const applied = await program.reload(`${admin}tunnels:\n${tunnel(two.port)}`);
    assert.deepEqual(applied["tunnelsChanged"], ["web"]);
    assert.deepEqual([await name(port), await name(fresh)], ["two", "one"]);
    const { body: tunnels } = await program.ask<TunnelStatus[]>("GET", "/api/v1/tunnels");
    assert.deepEqual(
      tunnels.map(({ origin }) => origin),
      ["overlay", "overlay"],
    );
    assert.equal((await program.ask("DELETE", "/api/v1/overlay?path=tunnels/web")).status, 200);
    assert.equal((await program.ask("DELETE", "/api/v1/overlay?path=tunnels/web")).status, 404);
    const { body: left } = await program.ask<OverlayEntry[]>("GET", "/api/v1/overlay");
    assert.deepEqual(
      left.map(({ path }) => path),
      ["tunnels/fresh"],
    );
    // a file that the change does not fit any more is refused, with the change's own place
    const clash = await program.reload(
      `${admin}tunnels:\n${tunnel(two.port)}  b: { frontend: 127.0.0.1:${fresh}, backend: 127.0.0.1:1 }\n`,
    );
    assert.equal(clash.event, "config-rejected");
    assert.match(
      String(clash["reason"]),
      /live change tunnels\/fresh:\d+:\d+: tunnels\.fresh\.frontend: tunnel b already listens/,
    );
    assert.equal((await program.ask("DELETE", "/api/v1/overlay")).status, 200);
    assert.equal(await program.ask("GET", "/api/v1/tunnels/fresh").then(({ status }) => status), 404);
    assert.match(readFileSync(program.path("state/state.json"), "utf8"), /"entries": \[\]/);
  });

  test("are refused while they cannot be kept, and the old state serves on", async () => {
    await using one = await startNamed("one");
    const port = await freePort();
    const yaml = `${admin}tunnels: { web: { frontend: 127.0.0.1:${port}, backend: 127.0.0.1:${one.port} } }\n`;
    await using program = await startAdministered(yaml);
    const target = `/api/v1/tunnels/web/targets/127.0.0.1:${one.port}`;
    assert.equal((await program.ask("PATCH", target, { body: { weight: 2 } })).status, 200);
    renameSync(program.path("state"), program.path("away"));
    writeFileSync(program.path("state"), "no folder");
    const change = await program.ask<Failure>("PATCH", target, { body: { weight: 9 } });
    assert.equal(change.status, 500);
    assert.match(change.body.message, /state\/state\.json cannot be written: .*; nothing was changed/);
    const word = await program.ask<Failure>("POST", target, { body: { admin: "disabled" } });
    assert.equal(word.status, 500);
    assert.match(word.body.message, /state\/state\.json cannot be written/);
    const { body: status } = await program.ask<TargetStatus>("GET", target);
    assert.deepEqual([status.weight, status.admin], [2, "enabled"]);
    assert.equal(await name(port), "one");
    rmSync(program.path("state"));
    renameSync(program.path("away"), program.path("state"));
    assert.equal((await program.ask("PATCH", target, { body: { weight: 9 } })).status, 200);
  });

  test("are refused on a full disk", async (t) => {
    await using one = await startNamed("one");
    const port = await freePort();
    const yaml = `${admin}tunnels: { web: { frontend: 127.0.0.1:${port}, backend: 127.0.0.1:${one.port} } }\n`;
    await using program = await startAdministered(yaml);
    mkdirSync(program.path("state"), { recursive: true });
    const mount = await run("mount", ["-t", "tmpfs", "-o", "size=4k", "none", program.path("state")]).catch(
      () => undefined,
    );
    if (mount?.code !== 0) return t.skip("no tmpfs can be mounted here");
    try {
      writeFileSync(program.path("state/filler"), Buffer.alloc(4096));
      const body = { backend: { balance: "random" } };
      const change = await program.ask<Failure>("PATCH", "/api/v1/tunnels/web", { body });
      assert.equal(change.status, 500);
      assert.match(change.body.message, /cannot be written: the disk is full; nothing was changed/);
      assert.equal(await name(port), "one");
      assert.deepEqual(readdirSync(program.path("state")), ["filler"]);
      rmSync(program.path("state/filler"));
      assert.equal((await program.ask("PATCH", "/api/v1/tunnels/web", { body })).status, 200);
    } finally {
      await run("umount", ["-l", program.path("state")]);
    }
  });

  test("that are damaged keep the program from starting, which says what to do", async () => {
    const port = await freePort();
    const yaml = `admin: { socket: c.sock, state: state.json }\ntunnels: { web: { frontend: 127.0.0.1:${port}, backend: 127.0.0.1:1 } }\n`;
    const { writeFiles } = await import("../support/certificates.ts");
    using folder = writeFiles({ "tunnels.yaml": yaml, "state.json": '{"version":1,"entr' });
    const damaged = await runToEnd(["-c", folder.path("tunnels.yaml")]);
    assert.equal(damaged.exit, 78);
    assert.match(damaged.stderr, /state\.json is damaged, or no state file; move it away \(mv /);
    const entries = [
      { path: "tunnels/b", change: "put", value: { frontend: `127.0.0.1:${port}`, backend: 1 }, at: "" },
    ];
    writeFileSync(folder.path("state.json"), JSON.stringify({ version: 1, entries }));
    const unfit = await runToEnd(["-c", folder.path("tunnels.yaml")]);
    assert.equal(unfit.exit, 78);
    assert.match(
      unfit.stderr,
      /live change tunnels\/b:.*tunnel web already listens[\s\S]*do not fit the configuration file any more/,
    );
  });
});
