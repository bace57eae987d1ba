/** The verdicts of the benchmark rest on these few functions; a wrong median would praise a loss. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { pairwise, perCpuSecond, type Sample, spread, verdict } from "../../../bench/statistics.ts";

const sample = (round: number, work: number, ticks = 100): Sample => ({
  round,
  work,
  seconds: 1,
  ticks,
  ticksPerSecond: 100,
  p50: 0,
  p99: 0,
});

test("work is counted per second of CPU, not of the wall clock", () => {
  assert.equal(perCpuSecond({ ...sample(0, 300, 50), seconds: 4 }), 600);
});

test("a window with fewer than five ticks of CPU is dropped", () => {
  assert.equal(perCpuSecond(sample(0, 100, 4)), undefined);
  assert.equal(perCpuSecond(sample(0, 100, 5)), 2000);
});

test("without a proxy there is no figure", () => {
  const { ticks: _, ...direct } = sample(0, 100);
  assert.equal(perCpuSecond(direct), undefined);
});

test("ratios are taken inside each round, and only then their median", () => {
  // the machine was slow in the second round: the medians of each alone, 60 and 40, would say 1.5
  const ours = [sample(0, 100), sample(1, 30), sample(2, 60)];
  const peer = [sample(0, 50), sample(1, 10), sample(2, 40)];
  assert.deepEqual(pairwise(ours, peer), { median: 2, low: 1.5, high: 3, count: 3 });
});

test("the order of samples does not matter, their round does", () => {
  const ours = [sample(0, 100), sample(1, 1000)];
  const peer = [sample(1, 500), sample(0, 50)];
  assert.deepEqual(pairwise(ours, peer), { median: 2, low: 2, high: 2, count: 2 });
});

test("a dropped window takes its partner out of the comparison", () => {
  const ours = [sample(0, 100), sample(1, 900, 4), sample(2, 100)];
  const peer = [sample(0, 50), sample(1, 50), sample(2, 200, 2)];
  assert.deepEqual(pairwise(ours, peer), { median: 2, low: 2, high: 2, count: 1 });
});

test("a round that one of them missed is left out", () => {
  assert.deepEqual(pairwise([sample(0, 100), sample(1, 100)], [sample(1, 400)])?.count, 1);
});

test("no round in common gives no ratio", () => {
  assert.equal(pairwise([sample(0, 100)], [sample(1, 100)]), undefined);
  assert.equal(pairwise([], [sample(1, 100)]), undefined);
});

test("a peer that did nothing is no divisor", () => {
  assert.equal(pairwise([sample(0, 100)], [sample(0, 0)]), undefined);
});

test("the median of an even number lies between the middle two", () => {
  assert.deepEqual(spread([4, 1, 2, 3]), { median: 2.5, low: 1, high: 4, count: 4 });
  assert.equal(spread([]), undefined);
});

test("differences within the noise of the group are ties", () => {
  assert.equal(verdict(1.09, "connections"), "tie");
  assert.equal(verdict(1.11, "messages"), "ahead");
  assert.equal(verdict(0.85, "connections"), "behind");
  assert.equal(verdict(1.19, "bulk"), "tie");
  assert.equal(verdict(1.21, "bulk"), "ahead");
});

test("a tie is symmetric: ours over theirs and theirs over ours agree", () => {
  for (const ratio of [1.05, 1.15, 1.19, 1.25]) {
    const [there, back] = [verdict(ratio, "bulk"), verdict(1 / ratio, "bulk")];
    assert.equal(there === "tie", back === "tie", `${ratio}`);
  }
});
