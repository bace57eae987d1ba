/**
 * The admin API, asked by curl over the control socket: tunnels and targets are made, changed and removed while the
 * program runs; nothing that is wrong changes anything; and every answer says what `check` would say.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { describe, test } from "node:test";
import type { OverlayEntry, ReloadResult } from "../../src/core/control.ts";
import type { SessionStatus, Status, TargetStatus, TunnelStatus } from "../../src/core/status.ts";
import { type Administered, startAdministered } from "../support/admin.ts";
import { startNamed } from "../support/echo.ts";
import { runToEnd } from "../support/instance.ts";
import { freePort } from "../support/ports.ts";
import { startProgram } from "../support/program.ts";
import { requires } from "../support/requires.ts";
import { visit } from "../support/visit.ts";

const told = async (socket: Socket) => String((await once(socket, "data"))[0]);
const name = async (port: number) => (await visit(port)).text.split("\n")[0];
const yaml = (port: number, target: number) =>
  `tunnels:\n  web: { frontend: 127.0.0.1:${port}, backend: 127.0.0.1:${target} }\n`;

type Failure = Extract<ReloadResult, { ok: false }>;
type Success = Extract<ReloadResult, { ok: true }>;

async function running(target: number): Promise<{ program: Administered; port: number }> {
  const port = await freePort();
  return { program: await startAdministered(yaml(port, target)), port };
}

describe("the admin API", requires("curl"), () => {
  test("shows the program, its tunnels, targets and sessions, with exact bytes of what is under way", async () => {
    await using one = await startNamed("one");
    const { program, port } = await running(one.port);
    await using _ = program;
    const client = connect(port, "127.0.0.1");
    assert.equal(await told(client), "one\n");
    client.write("12345");
    assert.equal(await told(client), "12345");
    const { body: status } = await program.ask<Status>("GET", "/api/v1/status");
    assert.equal(status.pid, program.instance.pid);
    assert.equal(status.generation, 1);
    const { body: tunnels } = await program.ask<TunnelStatus[]>("GET", "/api/v1/tunnels");
    assert.deepEqual(tunnels, (await program.ask<Status>("GET", "/api/v1/status")).body.tunnels);
    const { body: tunnel } = await program.ask<TunnelStatus>("GET", "/api/v1/tunnels/web");
    assert.deepEqual(
      [tunnel.listeners, tunnel.connections, tunnel.active, tunnel.bytes, tunnel.origin],
      [[`127.0.0.1:${port}`], 1, 1, { in: 5, out: 9 }, "file"],
    );
    const key = `127.0.0.1:${one.port}`;
    const { body: target } = await program.ask<TargetStatus>("GET", `/api/v1/tunnels/web/targets/${key}`);
    assert.deepEqual([target.key, target.health, target.admin, target.active], [key, "up", "enabled", 1]);
    const { body: targets } = await program.ask<TargetStatus[]>("GET", "/api/v1/tunnels/web/targets");
    assert.deepEqual(targets, [target]);
    const { body: sessions } = await program.ask<SessionStatus[]>("GET", "/api/v1/sessions?tunnel=web");
    assert.deepEqual(
      sessions.map((session) => [session.tunnel, session.target, session.bytes]),
      [["web", key, { in: 5, out: 9 }]],
    );
    const id = sessions[0]?.id ?? "";
    client.on("error", () => {});
    const ended = new Promise((resolve) => client.once("close", resolve));
    assert.equal((await program.ask("DELETE", `/api/v1/sessions/${id}`)).status, 204);
    await ended;
    const [session] = await program.instance.sessions(1);
    assert.equal(session?.outcome, "killed");
    assert.equal((await program.ask("DELETE", `/api/v1/sessions/${id}`)).status, 404);
  });

  test("makes, replaces, patches and removes a tunnel; sessions of what was go on", async () => {
    await using one = await startNamed("one");
    await using two = await startNamed("two");
    const { program, port } = await running(one.port);
    await using _ = program;
    const other = await freePort();
    const path = "/api/v1/tunnels/other";
    const body = { frontend: `127.0.0.1:${other}`, backend: [`127.0.0.1:${one.port}`] };
    const made = await program.ask<Success>("PUT", path, { body });
    assert.equal(made.status, 201, made.text);
    assert.equal(made.headers["etag"], made.body.etag);
    assert.deepEqual(made.body.diff.tunnelsAdded, ["other"]);
    const client = connect(other, "127.0.0.1");
    assert.equal(await told(client), "one\n");
    const patch = { backend: { targets: [`127.0.0.1:${two.port}`] } };
    const patched = await program.ask<Success>("PATCH", path, {
      body: patch,
      headers: { "Content-Type": "application/merge-patch+json" },
    });
    assert.deepEqual([patched.status, patched.body.diff.tunnelsChanged], [200, ["other"]]);
    assert.equal(await name(other), "two");
    client.write("still here");
    assert.equal(await told(client), "still here");
    assert.equal((await program.ask<TunnelStatus>("GET", path)).body.origin, "overlay");
    assert.equal((await program.ask("DELETE", path)).status, 200);
    assert.equal((await program.ask("GET", path)).status, 404);
    assert.equal((await program.ask("DELETE", path)).status, 404);
    client.write("even now");
    assert.equal(await told(client), "even now");
    client.destroy();
    assert.equal(await name(port), "one");
    assert.deepEqual((await program.ask("GET", "/api/v1/overlay")).body, []);
  });

  test("adds, weighs, drains and removes targets; a drain survives patches and other tunnels' changes", async () => {
    await using one = await startNamed("one");
    await using two = await startNamed("two");
    const { program, port } = await running(one.port);
    await using _ = program;
    const [first, second] = [`127.0.0.1:${one.port}`, `127.0.0.1:${two.port}`];
    const path = (key: string) => `/api/v1/tunnels/web/targets/${encodeURIComponent(key)}`;
    assert.equal((await program.ask("PUT", path(second), { body: { weight: 2 } })).status, 201);
    assert.deepEqual([await name(port), await name(port), await name(port)], ["one", "two", "two"]);
    const drained = await program.ask<TargetStatus>("POST", path(second), { body: { admin: "draining" } });
    assert.deepEqual([drained.body.admin, drained.body.overridden], ["draining", true]);
    assert.equal((await program.ask("PATCH", path(first), { body: { weight: 7 } })).status, 200);
    assert.deepEqual([await name(port), await name(port)], ["one", "one"]);
    const { body: targets } = await program.ask<TargetStatus[]>("GET", "/api/v1/tunnels/web/targets");
    assert.deepEqual(
      targets.map(({ key, weight, admin }) => [key, weight, admin]),
      [
        [first, 7, "enabled"],
        [second, 2, "draining"],
      ],
    );
    const weighed = await program.ask<TargetStatus>("POST", path(second), {
      body: { admin: "enabled", weight: 5 },
    });
    assert.deepEqual([weighed.body.admin, weighed.body.weight], ["enabled", 5]);
    const { body: overlay } = await program.ask<OverlayEntry[]>("GET", "/api/v1/overlay");
    assert.deepEqual(
      overlay.map((entry) => [entry.path, entry.change, entry.value, entry.by]),
      [
        [`tunnels/web/targets/${second}`, "put", { address: second, weight: 2 }, "unix"],
        [`tunnels/web/targets/${first}`, "patch", { weight: 7 }, "unix"],
        [`tunnels/web/targets/${second}`, "target", { weight: 5 }, "unix"],
      ],
    );
    assert.equal((await program.ask("DELETE", path(second))).status, 200);
    assert.equal((await program.ask("DELETE", path(second))).status, 404);
    const last = await program.ask<Failure>("DELETE", path(first));
    assert.equal(last.status, 400);
    assert.match(last.body.message, /targets: needs at least one entry/);
    assert.equal((await program.ask("DELETE", "/api/v1/overlay")).status, 200);
    assert.deepEqual((await program.ask("GET", "/api/v1/overlay")).body, []);
    const { body: after } = await program.ask<TargetStatus[]>("GET", "/api/v1/tunnels/web/targets");
    assert.deepEqual(
      after.map(({ key, weight }) => [key, weight]),
      [[first, 1]],
    );
  });

  test("changes nothing for what is wrong, and says what the command check would", async () => {
    await using one = await startNamed("one");
    const { program, port } = await running(one.port);
    await using _ = program;
    const put = (body: unknown, path = "/api/v1/tunnels/new") => program.ask<Failure>("PUT", path, { body });
    const listener = `127.0.0.1:${await freePort()}`;
    const cases: [Promise<{ status: number; body: Failure }>, number, RegExp][] = [
      [
        put({ frontend: listener, backnd: "127.0.0.1:1" }),
        400,
        /tunnels\.new\.backnd: unknown key "backnd"; did you mean "backend"\?\n.*\n.*\^\^/,
      ],
      [put({ frontend: listener, backend: "nowhere" }), 400, /no backend "nowhere" under backends/],
      [put({ frontend: `127.0.0.1:${port}`, backend: "127.0.0.1:1" }), 400, /tunnel web already listens on/],
      [
        put({
          frontend: { listen: listener, tls: { cert: "no.crt", key: "no.key" } },
          backend: "127.0.0.1:1",
        }),
        400,
        /there is no file .*no\.crt/,
      ],
      [put({}, "/api/v1/tunnels/NEW"), 400, /a name starts with a-z/],
      [put([]), 400, /tunnels\.new: expected a block/],
      [put({ weight: 0 }, `/api/v1/tunnels/web/targets/127.0.0.1:9`), 400, /weight: must be at least 1/],
      [
        put({ address: "127.0.0.1:8" }, `/api/v1/tunnels/web/targets/127.0.0.1:9`),
        400,
        /about another target/,
      ],
      [put({}, `/api/v1/tunnels/nosuch/targets/127.0.0.1:9`), 404, /there is no tunnel "nosuch"/],
      [
        put({ log: { level: "debug" }, tunnels: {} }, "/api/v1/config"),
        400,
        /log: only tunnels and backends/,
      ],
      [program.ask("PATCH", "/api/v1/tunnels/nosuch", { body: {} }), 404, /there is no tunnel "nosuch"/],
    ];
    for (const [answer, status, message] of cases) {
      const { status: given, body } = await answer;
      assert.match(body.message, message);
      assert.deepEqual([given, body.ok], [status, false], body.message);
    }
    const { body: status } = await program.ask<Status>("GET", "/api/v1/status");
    assert.equal(status.generation, 1);
    assert.equal(status.tunnels.length, 1);
    assert.deepEqual((await program.ask("GET", "/api/v1/overlay")).body, []);
    assert.equal(await name(port), "one");
  });

  test("tells 409 when an address is taken, and lets the old listener be", async () => {
    await using one = await startNamed("one");
    const { program, port } = await running(one.port);
    await using _ = program;
    const body = { frontend: { listen: `127.0.0.1:${one.port}` } };
    const answer = await program.ask<Failure>("PATCH", "/api/v1/tunnels/web", { body });
    assert.equal(answer.status, 409);
    assert.match(answer.body.message, /cannot listen on 127\.0\.0\.1:/);
    assert.equal(await name(port), "one");
  });

  test("says what a change would do, and changes nothing, with dryRun", async () => {
    await using one = await startNamed("one");
    const { program, port } = await running(one.port);
    await using _ = program;
    const listen = `127.0.0.1:${await freePort()}`;
    const answer = await program.ask<Success>("PATCH", "/api/v1/tunnels/web?dryRun", {
      body: { frontend: listen },
    });
    assert.deepEqual(answer.body.diff.listenersOpened, [listen]);
    assert.deepEqual(answer.body.diff.listenersClosed, [`127.0.0.1:${port}`]);
    assert.equal(answer.body.dryRun, true);
    writeFileSync(program.path("tunnels.yaml"), "tunnels: { web: 1 }");
    const reload = await program.ask<Failure>("POST", "/api/v1/reload?dryRun=true");
    assert.equal(reload.status, 400);
    assert.match(reload.body.message, /tunnels\.yaml:1:17: tunnels\.web: /);
    assert.equal(await name(port), "one");
    assert.equal((await program.ask<Status>("GET", "/api/v1/status")).body.generation, 1);
  });

  test("lets only one of two writers win who have read the same configuration", async () => {
    await using one = await startNamed("one");
    const { program } = await running(one.port);
    await using _ = program;
    const read = await program.ask<Record<string, unknown>>("GET", "/api/v1/config");
    const etag = read.headers["etag"] ?? "";
    assert.match(etag, /^"[\w-]{20,}"$/);
    assert.equal(
      (await program.ask("GET", "/api/v1/config", { headers: { "If-None-Match": etag } })).status,
      304,
    );
    const change = (weight: number) =>
      program.ask<Failure>("PATCH", `/api/v1/tunnels/web/targets/127.0.0.1:${one.port}`, {
        body: { weight },
        headers: { "If-Match": etag },
      });
    const answers = await Promise.all([change(2), change(3)]);
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 412]);
    const lost = answers.find(({ status }) => status === 412);
    assert.match(lost?.body.message ?? "", /the configuration in use has the etag/);
    // what was read can be written again
    const now = await program.ask("GET", "/api/v1/config");
    assert.equal((await program.ask("PUT", "/api/v1/config", { body: now.body })).status, 200);
    assert.deepEqual((await program.ask("GET", "/api/v1/config")).body, now.body);
  });

  test("makes one tunnel of eight that are put at the same time, with both of its targets", async () => {
    await using one = await startNamed("one");
    await using two = await startNamed("two");
    const { program } = await running(one.port);
    await using _ = program;
    const port = await freePort();
    const body = {
      frontend: `127.0.0.1:${port}`,
      backend: [`127.0.0.1:${one.port}`, `127.0.0.1:${two.port}`],
    };
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => program.ask("PUT", "/api/v1/tunnels/same", { body })),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 200, 200, 200, 200, 200, 201]);
    const { body: tunnels } = await program.ask<TunnelStatus[]>("GET", "/api/v1/tunnels");
    assert.deepEqual(
      tunnels.map((tunnel) => [tunnel.name, tunnel.targets.length]),
      [
        ["web", 1],
        ["same", 2],
      ],
    );
  });

  test("refuses nobody while a tunnel is replaced again and again", async () => {
    await using one = await startNamed("one");
    await using two = await startNamed("two");
    const { program, port } = await running(one.port);
    await using _ = program;
    let over = false;
    const names = new Set<string | undefined>();
    const clients = (async () => {
      let count = 0;
      for (; !over; count++) names.add(await name(port));
      return count;
    })();
    for (let round = 0; round < 10; round++) {
      const body = {
        frontend: `127.0.0.1:${port}`,
        backend: [`127.0.0.1:${round % 2 === 0 ? two.port : one.port}`],
      };
      assert.equal((await program.ask("PUT", "/api/v1/tunnels/web", { body })).status < 300, true);
    }
    over = true;
    assert.ok((await clients) > 10);
    assert.deepEqual([...names].sort(), ["one", "two"]);
  });

  test("follows what happens as server-sent events", async () => {
    await using one = await startNamed("one");
    const { program, port } = await running(one.port);
    await using _ = program;
    await using events = await startProgram("curl", [
      ...["-sSN", "--unix-socket", program.socket],
      "http://localhost/api/v1/events",
    ]);
    await events.said(/: these are events/);
    assert.equal(await name(port), "one");
    await events.said(/id: \d+/);
    await events.said(/event: session\.closed\ndata: \{.*"outcome":"completed"/);
  });

  test("answers metrics and probes, and describes itself as OpenAPI 3.1", async () => {
    await using one = await startNamed("one");
    const { program } = await running(one.port);
    await using _ = program;
    assert.deepEqual((await program.ask("GET", "/healthz")).text, "ok\n");
    assert.deepEqual((await program.ask("GET", "/readyz")).text, "ok\n");
    assert.match((await program.ask("GET", "/metrics")).text, /^equilibria_build_info\{/m);
    const { body } = await program.ask<{
      openapi: string;
      paths: Record<string, Record<string, unknown>>;
      components: { schemas: Record<string, { properties?: Record<string, unknown> }> };
    }>("GET", "/api/openapi.json");
    assert.match(body.openapi, /^3\.1\./);
    const routes = Object.entries(body.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    assert.ok(routes.includes("PATCH /api/v1/tunnels/{tunnel}/targets/{target}"));
    const references = [...JSON.stringify(body).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(
      ([, name = ""]) => name,
    );
    assert.deepEqual(
      references.filter((name) => !(name in body.components.schemas)),
      [],
    );
    assert.ok("frontend" in (body.components.schemas["TunnelBlock"]?.properties ?? {}));
    // the page about the API lists exactly these
    const page = readFileSync(new URL("../../docs/admin-api.md", import.meta.url), "utf8");
    const [paths = ""] = page.split("## Coming from shuttle");
    const listed = [...paths.matchAll(/^\| `([A-Z]+ \/\S+)` \| /gm)].map(([, route]) => route);
    assert.deepEqual(listed.sort(), [...routes, "GET /api/openapi.json"].sort());
  });

  test("sets the log's level for a while", async () => {
    await using one = await startNamed("one");
    const { program } = await running(one.port);
    await using _ = program;
    assert.deepEqual((await program.ask("GET", "/api/v1/log")).body, { level: "info" });
    const body = { level: "debug", forMs: 300 };
    assert.deepEqual((await program.ask("PUT", "/api/v1/log", { body })).body, { level: "debug" });
    for (let level = "debug"; level !== "info"; )
      ({ level } = (await program.ask<{ level: string }>("GET", "/api/v1/log")).body);
    assert.equal((await program.ask("PUT", "/api/v1/log", { body: { level: "loud" } })).status, 400);
  });

  test("drains, says so, and ends", async () => {
    await using one = await startNamed("one");
    const { program, port } = await running(one.port);
    await using _ = program;
    const client = connect(port, "127.0.0.1");
    assert.equal(await told(client), "one\n");
    assert.equal((await program.ask("POST", "/api/v1/drain", { body: { deadlineMs: 20_000 } })).status, 202);
    const ready = await program.ask("GET", "/readyz");
    assert.deepEqual([ready.status, ready.text], [503, "draining\n"]);
    client.end();
    assert.equal(await program.instance.exited(), 0);
  });

  test("makes its socket for its owner alone, and takes one over that was left behind", async () => {
    await using one = await startNamed("one");
    const { program } = await running(one.port);
    await using _ = program;
    assert.equal(statSync(program.socket).mode & 0o777, 0o600);
    assert.equal(statSync(program.path("run")).mode & 0o777, 0o700);
    const second = await runToEnd(["-c", program.path("tunnels.yaml")]);
    assert.equal(second.exit, 73);
    assert.match(second.stderr, /cannot listen on/);
    assert.equal((await program.ask("GET", "/healthz")).status, 200);
  });
});
