/**
 * Over TCP the admin API is in reach of strangers, of web pages in an operator's browser and of whoever wants to exhaust
 * it: none of them gets in, none of them learns a secret, and none of them is felt by the data path.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { type Answer, type Asking, ask, startAdministered } from "../support/admin.ts";
import { testAuthority } from "../support/certificates.ts";
import { startNamed } from "../support/echo.ts";
import { runToEnd } from "../support/instance.ts";
import { freePort } from "../support/ports.ts";
import { requires } from "../support/requires.ts";
import { visit } from "../support/visit.ts";

const secrets = {
  ops: "Q7mV0b3oT2xJ9dK5sL8wZg",
  run: "hN4cE1uY6iA0fP3vR5tB2k",
  look: "zX8qW2eD4rC6vT1bY9nU7m",
};
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });
const tokens = `tokens: [ { name: ops, file: ops.txt, role: admin }, { name: run, file: run.txt, role: operate }, { name: look, file: look.txt, role: read } ]`;
const tokenFiles = { "ops.txt": secrets.ops, "run.txt": `${secrets.run}\n`, "look.txt": secrets.look };
const name = async (port: number) => (await visit(port)).text.split("\n")[0];

async function start(target: number) {
  const port = await freePort();
  const program = await startAdministered(
    `admin: { socket: run/control.sock, http: { listen: 127.0.0.1:0, ${tokens}, hosts: [ admin.example.com ] } }
tunnels: { web: { frontend: 127.0.0.1:${port}, backend: 127.0.0.1:${target} } }
`,
    tokenFiles,
  );
  const base = `http://${program.http}`;
  return {
    ...{ program, port, base },
    ask: <Body = { readonly kind: string; readonly message: string }>(
      method: string,
      path: string,
      asking?: Asking,
    ): Promise<Answer<Body>> => ask<Body>(method, `${base}${path}`, asking),
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

describe("the admin API on TCP", requires("curl"), () => {
  for (const [listen, exposed] of [
    ["0.0.0.0:0", true],
    ["127.0.0.1:0", false],
    ["'[::1]:0'", false],
  ] as const)
    test(`${exposed ? "warns" : "does not warn"} of tokens in the clear when it listens on ${listen}`, async () => {
      await using program = await startAdministered(
        `admin: { http: { listen: ${listen}, ${tokens} } }
tunnels: { web: { frontend: 127.0.0.1:0, backend: 127.0.0.1:9 } }
`,
        tokenFiles,
      );
      const warned = program.instance.lines.filter(({ event }) => event === "admin-exposed");
      assert.deepEqual(
        warned.map(({ level, address }) => [level, address]),
        exposed ? [["warn", listen]] : [],
      );
    });

  test("wants a token, and lets each role do no more than it may", async () => {
    await using one = await startNamed("one");
    await using admin = await start(one.port);
    const target = `/api/v1/tunnels/web/targets/127.0.0.1:${one.port}`;
    const requests: [string, string, unknown, "read" | "operate" | "admin"][] = [
      ["GET", "/api/v1/status", undefined, "read"],
      ["GET", "/api/openapi.json", undefined, "read"],
      ["GET", "/metrics", undefined, "read"],
      ["POST", target, { weight: 2 }, "operate"],
      ["POST", "/api/v1/reload?dryRun", undefined, "operate"],
      ["PUT", "/api/v1/log", { level: "info" }, "operate"],
      ["PATCH", target, { priority: 0 }, "admin"],
      ["DELETE", "/api/v1/overlay", undefined, "admin"],
    ];
    const able = { look: ["read"], run: ["read", "operate"], ops: ["read", "operate", "admin"] };
    for (const [method, path, body, role] of requests) {
      const nobody = await admin.ask(method, path, { body });
      assert.deepEqual([nobody.status, nobody.headers["www-authenticate"]], [401, "Bearer"], path);
      for (const who of ["look", "run", "ops"] as const) {
        const { status, text } = await admin.ask(method, path, { body, headers: bearer(secrets[who]) });
        assert.equal(status, able[who].includes(role) ? 200 : 403, `${who} ${method} ${path}: ${text}`);
      }
    }
    assert.equal(
      (await admin.ask("GET", "/api/v1/status", { headers: bearer(`${secrets.ops}x`) })).status,
      401,
    );
    assert.equal((await admin.ask("GET", "/healthz")).status, 200);
    assert.equal((await admin.ask("GET", "/readyz")).status, 200);
    const isWrite = ({ event }: { event?: string }) => event === "admin";
    await admin.program.instance.line(
      (line) => isWrite(line) && line["method"] === "DELETE" && line["name"] === "ops",
    );
    const audit = admin.program.instance.lines.filter(isWrite);
    assert.equal(audit.length, requests.filter(([method]) => method !== "GET").length * 4);
    const write = audit.find((line) => line["name"] === "run");
    assert.match(String(write?.["peer"]), /^127\.0\.0\.1:\d+$/);
    assert.deepEqual(
      [write?.["role"], write?.["method"], write?.["path"], write?.["status"]],
      ["operate", "POST", target, 200],
    );
  });

  test("lets no web page in that is not its own", async () => {
    await using one = await startNamed("one");
    await using admin = await start(one.port);
    const status = async (headers: Readonly<Record<string, string>>) =>
      (await admin.ask("GET", "/api/v1/status", { headers: { ...bearer(secrets.look), ...headers } })).status;
    assert.equal(await status({ Host: "rebound.example.org" }), 421);
    assert.equal(await status({ Host: "admin.example.com" }), 200);
    assert.equal(await status({ Host: `localhost:${new URL(admin.base).port}` }), 200);
    assert.equal(await status({ Origin: "http://evil.example.org" }), 403);
    assert.equal(await status({ Origin: "null" }), 403);
    assert.equal(await status({ Origin: admin.base }), 200);
    const answer = await admin.ask("OPTIONS", "/api/v1/status", {
      headers: { Origin: "http://evil.example.org", "Access-Control-Request-Method": "PUT" },
    });
    assert.deepEqual([answer.status, answer.headers["access-control-allow-origin"]], [403, undefined]);
    // the control socket has no host that could be wrong, but no page may use it either
    assert.equal(
      (await admin.program.ask("GET", "/api/v1/status", { headers: { Host: "x.example.org" } })).status,
      200,
    );
    assert.equal(
      (await admin.program.ask("GET", "/api/v1/status", { headers: { Origin: "http://localhost" } })).status,
      403,
    );
  });

  test("takes JSON only, of bounded size, without keys that reach into prototypes", async () => {
    await using one = await startNamed("one");
    await using admin = await start(one.port);
    const put = async (body: string, type = "application/json", path = "/api/v1/tunnels/new") => {
      const answer = await admin.ask("PUT", path, {
        body,
        headers: { "Content-Type": type, ...bearer(secrets.ops) },
      });
      return [answer.status, answer.body.message];
    };
    assert.deepEqual(await put("{}", "application/x-www-form-urlencoded"), [
      415,
      "send the body as Content-Type: application/json",
    ]);
    assert.deepEqual((await put("{}", "text/plain"))[0], 415);
    assert.match(String(await put("{")), /^400,the body is no JSON: /);
    assert.deepEqual(await put('{"frontend":{"__proto__":{"x":1}}}'), [
      400,
      'frontend.__proto__: the key "__proto__" is not allowed anywhere',
    ]);
    assert.deepEqual(
      (await put('{"a":[{"constructor":1}]}'))[1],
      'a.0.constructor: the key "constructor" is not allowed anywhere',
    );
    assert.deepEqual(
      (await put('{"prototype":1}', "application/json", "/api/v1/config"))[1],
      'prototype: the key "prototype" is not allowed anywhere',
    );
    assert.match(
      String(await put("[".repeat(100_000) + "]".repeat(100_000))),
      /^400,.*nested deeper than 64 levels/,
    );
    assert.deepEqual(await put(`"${"x".repeat(1024 * 1024)}"`), [413, "a body has 1 MiB at most"]);
    assert.deepEqual((await put("{}", "application/json", "/api/v1/tunnels/__proto__"))[0], 400);
    assert.deepEqual((await put("{}", "application/json", `/api/v1/tunnels/web/targets/__proto__`))[0], 400);
    const big = await ask("GET", `${admin.base}/healthz`, { headers: { "X-Big": "x".repeat(20_000) } });
    assert.equal(big.status, 431);
    assert.equal(await name(admin.port), "one");
    assert.deepEqual(({} as Record<string, unknown>)["x"], undefined);
  });

  test("asks for a client certificate, which has a role of its own", async () => {
    await using one = await startNamed("one");
    const authority = testAuthority();
    const server = authority.issue();
    const client = authority.issue({ cn: "operator" });
    const stranger = testAuthority("Other CA").issue({ cn: "operator" });
    const port = await freePort();
    await using program = await startAdministered(
      `admin: { http: { listen: 127.0.0.1:0, ${tokens}, role: operate, tls: { cert: s.crt, key: s.key, client: { ca: ca.crt } } } }
tunnels: { web: { frontend: 127.0.0.1:${port}, backend: 127.0.0.1:${one.port} } }
`,
      {
        ...{ ...tokenFiles, "s.crt": server.chain, "s.key": server.key, "ca.crt": authority.cert },
        ...{ "c.crt": client.chain, "c.key": client.key, "x.crt": stranger.chain, "x.key": stranger.key },
      },
    );
    const base = `https://${program.http}`;
    const as = (who: string) => [
      "--cacert",
      program.path("ca.crt"),
      ...(who === "" ? [] : ["--cert", program.path(`${who}.crt`), "--key", program.path(`${who}.key`)]),
    ];
    assert.equal((await ask("GET", `${base}/api/v1/status`, { args: as("c") })).status, 200);
    const level = { body: { level: "info" } };
    assert.equal((await ask("PUT", `${base}/api/v1/log`, { ...level, args: as("c") })).status, 200);
    assert.equal((await ask("DELETE", `${base}/api/v1/overlay`, { args: as("c") })).status, 403);
    assert.equal(
      (await ask("DELETE", `${base}/api/v1/overlay`, { args: as("c"), headers: bearer(secrets.ops) })).status,
      200,
    );
    await assert.rejects(ask("GET", `${base}/healthz`, { args: as("") }), /curl ended with/);
    await assert.rejects(ask("GET", `${base}/healthz`, { args: as("x") }), /curl ended with/);
    await assert.rejects(
      ask("GET", base.replace("https", "http"), { headers: bearer(secrets.ops) }),
      /curl ended with/,
    );
    const write = await program.instance.line(({ event, method }) => event === "admin" && method === "PUT");
    assert.match(String(write["name"]), /CN=operator/);
  });

  test("answers beside a thousand clients that never finish asking, and the data path does not notice", async () => {
    await using one = await startNamed("one");
    await using admin = await start(one.port);
    const { port: control } = new URL(admin.base);
    const ended: Promise<unknown>[] = [];
    const open = (place: { port: number; host: string } | { path: string }, text: string) => {
      const socket = connect(place);
      socket.on("error", () => {});
      ended.push(new Promise((resolve) => socket.once("close", resolve)));
      socket.resume();
      socket.write(text);
    };
    const texts = [
      "",
      "G",
      "GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nX: ",
      "PUT /api/v1/config HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
    ];
    for (let count = 0; count < 500; count++) {
      open({ port: Number(control), host: "127.0.0.1" }, texts[count % texts.length] ?? "");
      open({ path: admin.program.socket }, texts[count % texts.length] ?? "");
    }
    for (let count = 0; count < 20; count++) assert.equal(await name(admin.port), "one");
    assert.equal((await admin.ask("GET", "/api/v1/status", { headers: bearer(secrets.look) })).status, 200);
    assert.equal((await admin.program.ask("GET", "/api/v1/status")).status, 200);
    // every one of them is sent away, by the deadline at the latest
    await Promise.all(ended);
    assert.equal(await name(admin.port), "one");
  });

  test("never shows a token, a passphrase or a key, in answers, logs or errors", async () => {
    await using one = await startNamed("one");
    const server = testAuthority().issue({ passphrase: "correct horse battery" });
    const [port, other] = [await freePort(), await freePort()];
    await using program = await startAdministered(
      `log: { level: trace }
admin: { socket: run/control.sock, state: run/state.json, http: { listen: 127.0.0.1:0, ${tokens} } }
tunnels:
  web: { frontend: { listen: 127.0.0.1:${port}, tls: { cert: s.crt, key: s.key, passphrase: correct horse battery } }, backend: 127.0.0.1:${one.port} }
`,
      { ...tokenFiles, "s.crt": server.chain, "s.key": server.key },
    );
    const seen: string[] = [];
    const get = async (path: string) => seen.push((await program.ask("GET", path)).text);
    for (const path of [
      "/api/v1/config",
      "/api/v1/status",
      "/api/v1/overlay",
      "/metrics",
      "/api/openapi.json",
    ])
      await get(path);
    const block = (key: string) => ({
      frontend: { listen: `127.0.0.1:${other}`, tls: { cert: "s.crt", key, passphrase: "hunter2 hunter2" } },
      backend: "127.0.0.1:1",
    });
    const base = `http://${program.http}`;
    for (const key of ["s.key", "none.key"])
      seen.push((await program.ask("PUT", "/api/v1/tunnels/new", { body: block(key) })).text);
    seen.push(
      (
        await program.ask("PATCH", "/api/v1/tunnels/web", {
          body: { frontend: { tls: { passphrase: "hunter2 hunter2" } } },
        })
      ).text,
    );
    seen.push(
      (
        await program.ask("PATCH", "/api/v1/tunnels/web", {
          body: { frontend: { tls: { passphrase: ["hunter2 hunter2"] } } },
        })
      ).text,
    );
    seen.push(
      (
        await program.ask("PATCH", "/api/v1/tunnels/web", {
          body: { frontend: { tls: { passphrase: "(hidden)", minVersion: "TLSv1.3" } } },
        })
      ).text,
    );
    seen.push((await ask("GET", `${base}/api/v1/status`, { headers: bearer(`${secrets.ops}x`) })).text);
    seen.push((await ask("GET", `${base}/api/v1/status?token=1`, { headers: bearer(secrets.look) })).text);
    for (const path of ["/api/v1/config", "/api/v1/overlay"]) await get(path);
    assert.match(seen.at(-1) ?? "", /"minVersion":"TLSv1\.3"/);
    for (const command of ["dump", "serialize", "examine", "status"]) seen.push(await program.say(command));
    await program.instance.stop();
    const all = [...seen, JSON.stringify(program.instance.lines), program.instance.stderr].join("\n");
    const key = server.key.split("\n")[2] ?? "";
    for (const secret of [...Object.values(secrets), "correct horse", "hunter2", key])
      assert.ok(
        !all.includes(secret),
        `${secret} in ${all.slice(Math.max(0, all.indexOf(secret) - 300), all.indexOf(secret) + 60)}`,
      );
  });

  test("keeps what strangers send out of log lines and metrics", async () => {
    await using one = await startNamed("one");
    await using admin = await start(one.port);
    await admin.ask("PUT", "/api/v1/tunnels/a%0A%22%7D%7B%22event%22%3A%22ready%22", {
      body: {},
      headers: bearer(secrets.ops),
    });
    await admin.program.say('del 80\u001b[31m"}{"event":"forged"\n');
    await admin.program.instance.line(({ event, method }) => event === "admin" && method === "LINE");
    assert.equal(admin.program.instance.lines.filter(({ event }) => event === "ready").length, 1);
    assert.ok(
      admin.program.instance.lines.every(({ event, text }) => event !== "forged" && text === undefined),
    );
    const { text } = await admin.program.ask("GET", "/metrics");
    assert.doesNotMatch(text, /forged|tunnel="a/);
  });

  test("does not start with a token that others can read, and says which", async () => {
    const { writeFiles } = await import("../support/certificates.ts");
    const { chmodSync } = await import("node:fs");
    using folder = writeFiles({
      "tunnels.yaml": `admin: { http: { listen: 127.0.0.1:0, ${tokens} } }\ntunnels: { web: { frontend: 127.0.0.1:0, backend: 127.0.0.1:1 } }\n`,
      ...tokenFiles,
    });
    chmodSync(folder.path("run.txt"), 0o644);
    for (const args of [["-c"], ["check", "-c"]]) {
      const { exit, stderr } = await runToEnd([...args, folder.path("tunnels.yaml")]);
      assert.equal(exit, 78);
      assert.match(
        stderr,
        /tunnels\.yaml:1:\d+: admin\.http\.tokens: .*run\.txt can be read by others; say chmod 600/,
      );
      assert.ok(!stderr.includes(readFileSync(folder.path("run.txt"), "utf8").trim()));
    }
  });
});
