/** A misspelt peer or workload must not look like a short run. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fillIn } from "../../../bench/contestants.ts";
import { floors } from "../../../bench/floors.ts";
import { parseOptions, UsageError } from "../../../bench/options.ts";
import { workloads } from "../../../bench/workloads.ts";

test("without options everything is measured in five rounds", () => {
  const options = parseOptions([]);
  assert.equal(options.rounds, 5);
  assert.equal(options.only.length, workloads.length);
  assert.ok(options.vs.includes("nginx"));
});

test("--quick measures less, and what is said besides still counts", () => {
  const options = parseOptions(["--quick", "--vs", "hitch", "--rounds", "2"]);
  assert.equal(options.rounds, 2);
  assert.deepEqual(options.vs, ["hitch"]);
  assert.ok(options.only.length < workloads.length);
});

test("strangers are refused by name", () => {
  for (const args of [["--vs", "stunel"], ["--only", "down"], ["--rounds", "0"], ["--fast"], ["file"]])
    assert.throws(() => parseOptions(args), UsageError, args.join(" "));
  assert.throws(() => parseOptions(["--vs", "stunel"]), /stunel is none of stunnel, haproxy/);
});

test("every figure to reach is about a workload there is", () => {
  for (const { workload } of floors)
    assert.ok(
      workloads.some(({ name }) => name === workload),
      workload,
    );
});

test("a template with an unknown place is refused, not written half-filled", () => {
  assert.equal(fillIn("listen 127.0.0.1:@TLS@;", { TLS: 20010 }), "listen 127.0.0.1:20010;");
  assert.throws(() => fillIn("@OTHER@", { TLS: 1 }), /@OTHER@/);
});
