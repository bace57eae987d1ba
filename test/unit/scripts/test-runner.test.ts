// A skipped test looks like a passed one in every exit code. The runner is what makes CI notice, so a runner
// that lost skips (or failures, or a mistyped path) would hide everything else in this directory.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";

const script = join(import.meta.dirname, "../../../scripts/test.ts");

const PASSES = 'import { test } from "node:test";\ntest("passes", () => {});\n';
const FAILS = 'import { test } from "node:test";\ntest("fails", () => { throw new Error("broken"); });\n';
const SKIPS = `
import { describe, test } from "node:test";
test("wants redis", { skip: "needs redis-server" }, () => {});
test("outer", async (t) => {
  await t.test("gives no reason", { skip: true }, () => {});
  await t.test("finds out late", (t) => t.skip("no kernel support"));
});
describe("a whole suite", { skip: "needs nginx" }, () => { test("within", () => {}); });
`;
const OPTIONAL = `
import { test } from "node:test";
test("on a cluster", { skip: "optional: no cluster given" }, () => {});
`;
const SUMMARY = /ℹ tests \d+\n(ℹ .*\n)*ℹ pass \d+\n(ℹ .*\n)*ℹ duration_ms .*\n$/;

test("runs every test below test/ and ends with the summary", () => {
  const { status, stdout } = runTests({ "test/a.test.ts": PASSES, "test/unit/b.test.ts": PASSES });
  assert.equal(status, 0);
  assert.match(stdout, SUMMARY);
  assert.match(stdout, /^ℹ tests 2$/m);
  assert.match(stdout, /^ℹ pass 2$/m);
});

test("fails when a test fails, also in CI", () => {
  const files = { "test/a.test.ts": FAILS, "test/b.test.ts": PASSES };
  assert.equal(runTests(files).status, 1);
  const inCi = runTests(files, { ci: true });
  assert.equal(inCi.status, 1);
  assert.match(inCi.stdout, /^ℹ fail 1$/m);
});

test("runs only the folder, the file or the glob that is given", () => {
  const files = { "test/unit/a.test.ts": PASSES, "test/e2e/b.test.ts": FAILS };
  for (const filter of ["test/unit", "test/unit/", "test/unit/a.test.ts", "test/**/a*.test.ts"]) {
    const { status, stdout } = runTests(files, { args: [filter] });
    assert.equal(status, 0, filter);
    assert.match(stdout, /^ℹ tests 1$/m);
  }
});

test("hands flags to node:test", () => {
  const files = { "test/a.test.ts": PASSES, "test/b.test.ts": FAILS };
  const { status } = runTests(files, { args: ["--test-name-pattern=passes"], ci: true });
  assert.equal(status, 0);
});

test("fails when there is nothing to run", () => {
  const { status, stderr } = runTests({ "test/a.test.ts": PASSES }, { args: ["test/untit"] });
  assert.equal(status, 1);
  assert.match(stderr, /no \*\.test\.ts in test\/untit/);
});

test("names skipped tests above the summary and succeeds outside CI", () => {
  const { status, stdout } = runTests({ "test/a.test.ts": SKIPS });
  assert.equal(status, 0);
  assert.match(stdout, SUMMARY);
  const named = stdout.split("\n").filter((line) => line.startsWith("ℹ skipped: "));
  assert.deepEqual(named, [
    "ℹ skipped: wants redis (needs redis-server) test/a.test.ts:3",
    "ℹ skipped: gives no reason (no reason given) test/a.test.ts:5",
    "ℹ skipped: finds out late (no kernel support) test/a.test.ts:6",
    "ℹ skipped: a whole suite (needs nginx) test/a.test.ts:8",
  ]);
});

test("fails in CI for each skip that is not optional", () => {
  const { status, stderr } = runTests({ "test/a.test.ts": SKIPS, "test/b.test.ts": OPTIONAL }, { ci: true });
  assert.equal(status, 1);
  for (const name of ["wants redis", "gives no reason", "finds out late", "a whole suite"]) {
    assert.match(stderr, new RegExp(`skipped: ${name} `));
  }
  assert.doesNotMatch(stderr, /on a cluster/);
});

test("accepts optional skips in CI, and names them", () => {
  const { status, stdout } = runTests({ "test/b.test.ts": OPTIONAL }, { ci: true });
  assert.equal(status, 0);
  assert.match(stdout, /^ℹ skipped: on a cluster \(optional: no cluster given\) test\/b\.test\.ts:3$/m);
  assert.match(stdout, SUMMARY);
});

function runTests(files: Readonly<Record<string, string>>, options: { args?: string[]; ci?: boolean } = {}) {
  const root = mkdtempSync(join(tmpdir(), "equilibria-runner-"));
  try {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(join(root, dirname(file)), { recursive: true });
      writeFileSync(join(root, file), text);
    }
    const env = { ...process.env, CI: options.ci ? "true" : "", NO_COLOR: "1", FORCE_COLOR: undefined };
    const args = [script, "--root", root, ...(options.args ?? [])];
    return spawnSync(process.execPath, args, { encoding: "utf8", env });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
