/**
 * Something that Node promises fails in the middle of the data path: the connection that met it is lost, and no other, in a
 * program of one process. A disk that fails must not turn a no into a yes.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { suite, test } from "node:test";
import { pathToFileURL } from "node:url";
import { startAdministered } from "../support/admin.ts";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startEcho } from "../support/echo.ts";
import { type Knock, knock } from "../support/knock.ts";
import { requires } from "../support/requires.ts";
import { visit } from "../support/visit.ts";

const preload = pathToFileURL(`${import.meta.dirname}/../support/faults.ts`).href;
const { chain, key } = testAuthority().issue();

/** `inject` has the next call of a function of Node's fail. */
async function start() {
  const target = await startEcho();
  const folder = writeFiles({});
  const file = folder.path("fault");
  const tls = "{ cert: own.crt, key: own.key }";
  const program = await startAdministered(
    `tunnels:\n  plain: { frontend: 127.0.0.1:0, backend: ${target.port} }\n  tls: { frontend: { listen: 127.0.0.1:0, tls: ${tls} }, backend: ${target.port} }\n`,
    { "own.crt": chain, "own.key": key },
    { env: { NODE_OPTIONS: `--import=${preload}`, EQUILIBRIA_FAULT_FILE: file } },
  );
  return {
    program,
    isDue: () => existsSync(file),
    inject: (name: string) => writeFileSync(file, name),
    [Symbol.asyncDispose]: async () => {
      await program[Symbol.asyncDispose]();
      await target[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

async function isAlive({ socket }: Knock): Promise<boolean> {
  if (socket.destroyed || !socket.write("y")) return false;
  return Promise.race([once(socket, "data").then(() => true), once(socket, "close").then(() => false)]);
}

suite("a fault", requires("curl"), () => {
  for (const [name, outcome] of [
    ["connect", "connect-failed"],
    ["getProtocol", "internal-error"],
    ["write", "internal-error"],
    ["end", "internal-error"],
  ] as const)
    test(`in ${name} ends one session at most`, async () => {
      await using setting = await start();
      const { program } = setting;
      const others = await Promise.all(
        Array.from({ length: 12 }, () => knock(program.instance.port("plain"))),
      );
      for (const { verdict } of others) assert.equal(await verdict, "in");
      setting.inject(name);
      const port = program.instance.port("tls");
      await visit(port, { tls: {} });
      assert.ok(!setting.isDue(), "it was never called");
      const [met] = await program.instance.sessions(1);
      assert.equal(met?.outcome, outcome);
      assert.match(String(met?.reason), new RegExp(`injected: ${name}`));
      for (const other of others) assert.ok(await isAlive(other), "another session is lost");
      assert.equal((await visit(port, { tls: {} })).text, "hello");
      for (const other of others) other[Symbol.dispose]();
    });

  test("of the disk refuses a change as a whole", async () => {
    await using setting = await start();
    const { program } = setting;
    const change = (idle: string) =>
      program.ask<{ message: string }>("PATCH", "/api/v1/tunnels/plain", {
        body: { frontend: { timeouts: { idle } } },
      });
    const state = () => readFileSync(program.path("run/state.json"), "utf8");
    assert.equal((await change("9m")).status, 200);
    const before = state();
    for (const name of ["sync", "writeFile"]) {
      setting.inject(name);
      const { status, body } = await change("7m");
      assert.deepEqual([status, setting.isDue()], [500, false], name);
      assert.match(body.message, /state\.json cannot be written: EIO; nothing was changed/);
      assert.equal(state(), before);
    }
    // the new file is in its place by then
    setting.inject("sync of a folder");
    assert.equal((await change("8m")).status, 200);
    assert.ok(!setting.isDue());
    assert.match(state(), /8m/);
    assert.ok(!readdirSync(program.path("run")).includes("state.json.tmp"));
  });
});
