/**
 * A supervisor, a script and a test all wait for the ready record, and then connect. It must mean that everything listens, and a
 * start that fails must leave nothing behind, above all not somebody else's socket.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { suite, test } from "node:test";
import { writeFiles } from "../support/certificates.ts";
import { startEcho } from "../support/echo.ts";
import { Instance, runToEnd, startInstance } from "../support/instance.ts";
import { freePort } from "../support/ports.ts";
import { sessionOf, visit } from "../support/visit.ts";

/** Somebody else who listens. */
async function listening(where: number | string): Promise<Server & AsyncDisposable> {
  const server = createServer((socket) =>
    socket
      .on("error", () => {})
      .resume()
      .end("somebody else\n"),
  );
  if (typeof where === "number") server.listen(where, "127.0.0.1");
  else server.listen(where);
  await once(server, "listening");
  return server;
}

const hasIPv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === "::1"),
);

suite("a start", () => {
  test("says that it is ready when every address of every tunnel takes connections, with the real ports", async () => {
    await using echo = await startEcho();
    using folder = writeFiles({});
    const socket = folder.path("x.sock");
    const many = Array.from({ length: 20 }, () => "127.0.0.1:0");
    await using program = await startInstance(`
tunnels:
  one: { frontend: "127.0.0.1:0", backend: ${echo.port} }
  many: { frontend: { listen: ${JSON.stringify([...many, `unix:${socket}`])} }, backend: ${echo.port} }`);
    const [ready] = program.lines;
    assert.deepEqual([ready?.event, ready?.["pid"]], ["ready", program.pid]);
    const listeners = ready?.["listeners"] as readonly {
      readonly tunnel: string;
      readonly address: string;
    }[];
    assert.deepEqual(
      listeners.map(({ tunnel }) => tunnel),
      ["one", ...many.map(() => "many"), "many"],
    );
    assert.equal(new Set(listeners.map(({ address }) => address)).size, 22);
    const visits = many.map((_, index) => visit(program.port("many", index)));
    visits.push(visit(program.port("one")), visit({ kind: "unix", path: socket }));
    for (const { text } of await Promise.all(visits)) assert.equal(text, "hello");
    const [line] = await program.sessions(1, "one");
    assert.equal(line?.["local"], `127.0.0.1:${program.port("one")}`);
  });

  test("every family of listener reaches every family of target", {
    skip: !hasIPv6 && "needs ::1",
  }, async () => {
    using folder = writeFiles({});
    const path = folder.path("target.sock");
    await using v4 = await startEcho();
    await using v6 = await startEcho(undefined, "::1");
    const unix = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
    unix.listen(path);
    await once(unix, "listening");
    const targets = { v4: `127.0.0.1:${v4.port}`, v6: `[::1]:${v6.port}`, unix: `unix:${path}` };
    const tunnels = Object.entries(targets).map(
      ([name, target]) =>
        `\n  ${name}: { frontend: { listen: [ "127.0.0.1:0", "[::1]:0", "unix:${name}.sock", "[::]:0" ] }, backend: "${target}" }`,
    );
    await using program = await startInstance(`tunnels:${tunnels.join("")}`);
    for (const [name, target] of Object.entries(targets)) {
      for (const index of [0, 1, 2]) assert.equal((await visit(program.address(name, index))).text, "hello");
      // an IPv4 client of a listener for both is called by its IPv4 address
      const mapped = await visit(program.port(name, 3));
      assert.equal(mapped.text, "hello");
      assert.match((await sessionOf(program, mapped)).client, /^127\.0\.0\.1:\d+$/);
      const sessions = await program.sessions(4, name);
      assert.deepEqual([...new Set(sessions.map((session) => session.target))], [target]);
      assert.ok(sessions.every(({ bytesIn, bytesOut }) => bytesIn === 5 && bytesOut === 5));
    }
    assert.equal(await program.stop(), 0);
    unix.close();
  });

  test("when one port is taken, nothing stays up and the exit is 73", async () => {
    const [free, taken] = [await freePort(), await freePort()];
    await using _other = await listening(taken);
    using folder = writeFiles({
      "tunnels.yaml": `
tunnels:
  free: { frontend: "127.0.0.1:${free}", backend: 443 }
  taken: { frontend: { listen: [ "127.0.0.1:0", "127.0.0.1:${taken}" ] }, backend: 443 }`,
    });
    const { exit, stdout, stderr } = await runToEnd(["-c", folder.path("tunnels.yaml")]);
    assert.deepEqual([exit, stdout], [73, ""]);
    assert.equal(stderr, `cannot listen on 127.0.0.1:${taken}: address already in use (EADDRINUSE)\n`);
    await using _free = await listening(free);
  });

  test("an address that this machine has not got ends the start with 73", async () => {
    const { exit, stderr } = await runToEnd(["192.0.2.1:0:127.0.0.1:1"]);
    assert.equal(exit, 73);
    assert.equal(
      stderr,
      "cannot listen on 192.0.2.1:0: address not available on this machine (EADDRNOTAVAIL)\n",
    );
  });
});

suite("a unix socket", () => {
  const yaml = (path: string, more = "") =>
    `tunnels: { a: { frontend: { listen: "unix:${path}"${more} }, backend: 443 } }`;

  test("is for its owner only, unless unixMode says otherwise, and is gone after the end", async () => {
    using folder = writeFiles({});
    for (const [more, mode] of [
      ["", 0o600],
      [', unixMode: "0660"', 0o660],
      [', unixMode: "666"', 0o666],
    ] as const) {
      const path = folder.path(`${mode}.sock`);
      await using program = await startInstance(yaml(path, more));
      assert.equal(statSync(path).mode & 0o777, mode);
      assert.deepEqual(program.address("a"), { kind: "unix", path });
      assert.equal(await program.stop(), 0);
      assert.ok(!existsSync(path));
    }
  });

  test("that a dead process has left behind is replaced", async () => {
    using folder = writeFiles({});
    const path = folder.path("stale.sock");
    // a listener that closes removes its path, but not one that was moved
    const dead = await listening(folder.path("first.sock"));
    renameSync(folder.path("first.sock"), path);
    await dead[Symbol.asyncDispose]();
    assert.ok(statSync(path).isSocket());
    await using echo = await startEcho();
    await using program = await startInstance(yaml(path).replace("443", String(echo.port)));
    assert.equal((await visit(program.address("a"))).text, "hello");
    assert.equal(await program.stop(), 0);
  });

  test("that another process answers on is refused and stays as it is", async () => {
    using folder = writeFiles({});
    const path = folder.path("live.sock");
    await using _other = await listening(path);
    const { exit, stdout, stderr } = await runToEnd(["-c", writeConfig(folder, yaml(path))]);
    assert.deepEqual([exit, stdout], [73, ""]);
    const complaint = "address already in use (EADDRINUSE); another process answers on it";
    assert.equal(stderr, `cannot listen on unix:${path}: ${complaint}\n`);
    assert.equal((await visit({ kind: "unix", path })).text, "somebody else\n");
  });

  test("a regular file in its place is left alone", async () => {
    using folder = writeFiles({ "file.sock": "precious" });
    const path = folder.path("file.sock");
    const { exit, stderr } = await runToEnd(["-c", writeConfig(folder, yaml(path))]);
    assert.equal(exit, 73);
    assert.match(stderr, /; the path exists and is not a socket, it is left alone\n$/);
    assert.equal(readFileSync(path, "utf8"), "precious");
  });

  test("in a folder that is not there is called missing, not forbidden", async () => {
    using folder = writeFiles({});
    const { exit, stderr } = await runToEnd(["-c", writeConfig(folder, yaml(folder.path("none/x.sock")))]);
    assert.equal(exit, 73);
    assert.match(stderr, /^cannot listen on unix:.*x\.sock: no such file \(ENOENT\)\n$/);
  });

  test("that two programs want belongs to the first", async () => {
    using folder = writeFiles({});
    const file = writeConfig(folder, yaml(folder.path("x.sock")));
    await using first = new Instance(["-c", file]);
    await first.line(({ event }) => event === "ready");
    assert.equal((await runToEnd(["-c", file])).exit, 73);
    assert.ok(existsSync(folder.path("x.sock")));
    assert.equal(await first.stop(), 0);
  });
});

function writeConfig(folder: ReturnType<typeof writeFiles>, yaml: string): string {
  writeFileSync(folder.path("tunnels.yaml"), yaml);
  return folder.path("tunnels.yaml");
}
