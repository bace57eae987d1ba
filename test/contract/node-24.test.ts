/** Node 24 is supported too, and does some things about sockets differently: the contracts of the data path hold on both. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const [node] = globSync("tools/runtime-24/node_modules/node-*/bin/node", { cwd: root });
const skip = node === undefined ? "needs Node 24 of tools/runtime-24" : false;

suite("on Node 24", { skip }, () => {
  /** Runs it as a user of that version would, and returns what it has said. */
  const run = (...args: readonly string[]): string => {
    // an outer node:test would have the inner one report to it
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { status, stdout, stderr } = spawnSync(`${root}${node}`, args, {
      cwd: root,
      env,
      encoding: "utf8",
      timeout: 150_000,
    });
    assert.equal(status, 0, `${stdout}${stderr}`);
    return stdout;
  };

  test("the program runs itself, and does not ask for another", () => {
    assert.match(run("--version"), /^v24\./);
    assert.match(run("bin/equilibria-tunnel.cjs", "check", "8080:127.0.0.1:80"), /ok, 1 tunnel/);
  });

  for (const contract of ["relay-*", "fast-path", "balancer", "probe"])
    test(`test/contract/${contract}.test.ts holds`, () => {
      const files = globSync(`test/contract/${contract}.test.ts`, { cwd: root });
      assert.ok(files.length > 0);
      const said = run(
        "--test",
        "--test-concurrency=1",
        "--test-timeout=100000",
        "--test-reporter=tap",
        ...files,
      );
      const [, passed = "0"] = /^# pass (\d+)$/m.exec(said) ?? [];
      assert.ok(Number(passed) > 0, said.slice(-500));
      assert.match(said, /^# fail 0$/m);
      assert.match(said, /^# skipped 0$/m);
    });
});
