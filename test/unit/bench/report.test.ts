/** The table is what people read: marks and ties must follow from the figures, and gaps must be named. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { report } from "../../../bench/report.ts";
import type { Results } from "../../../bench/results.ts";
import type { Series } from "../../../bench/rounds.ts";
import type { Sample } from "../../../bench/statistics.ts";

const series = (workload: string, contestant: string, work: number, p50 = 0): Series => ({
  workload,
  contestant,
  samples: [0, 1, 2].map(
    (round): Sample => ({ round, work, seconds: 1, ticks: 100, ticksPerSecond: 100, p50, p99: p50 * 2 }),
  ),
  failures: [],
});

const results = (found: Partial<Results>): Results => ({
  date: "2026-11-20",
  machine: {
    cpu: "2 × Some CPU",
    kernel: "Linux 6.1",
    memory: "8 GiB",
    pinning: true,
    openssl: "OpenSSL 3.0",
    versions: { stunnel: "stunnel 5.68" },
  },
  protocol: { rounds: 3, window: 1, warmup: 0.4, firstWarmup: 2 },
  absent: [],
  series: [],
  memory: [],
  failures: [],
  ...found,
});

const row = (text: string, workload: string) =>
  text.split("\n").find((line) => line.startsWith(`| ${workload} `));

test("a ratio shows whether the figure to reach is reached", () => {
  const text = report(
    results({
      series: [
        series("hsec", "equilibria-tunnel", 120),
        series("hsec", "stunnel", 100),
        series("hsec", "haproxy", 200),
      ],
    }),
  );
  assert.match(
    row(text, "hsec") ?? "",
    /\*\*1\.20\*\* \(1\.20–1\.20\) ✓ 1\.15 .*\*\*0\.60\*\* \(0\.60–0\.60\) ✗ 0\.82/,
  );
});

test("a tie is marked", () => {
  const found = [series("down1", "equilibria-tunnel", 110), series("down1", "nginx", 100)];
  assert.match(row(report(results({ series: found })), "down1") ?? "", /≈ \*\*1\.10\*\*/);
});

test("the median ping is compared with stunnel's", () => {
  const found = (p50: number) => [
    series("ping1", "equilibria-tunnel", 100, p50),
    series("ping1", "stunnel", 100, 80),
  ];
  assert.match(report(results({ series: found(90) })), /^✓ ping1: median 10\.0 µs above stunnel's/m);
  assert.match(report(results({ series: found(100) })), /^✗ ping1: median 20\.0 µs/m);
});

test("idle memory must be within the limit and below stunnel's", () => {
  const memory = (own: number, other: number) =>
    [["equilibria-tunnel", own] as const, ["stunnel", other] as const].map(
      ([contestant, kibPerConnection]) => ({
        workload: "idle5000",
        contestant,
        connections: 5000,
        kibPerConnection,
      }),
    );
  assert.match(report(results({ memory: memory(46, 85) })), /^✓ idle5000/m);
  assert.match(report(results({ memory: memory(51, 85) })), /^✗ idle5000/m);
  assert.match(report(results({ memory: memory(46, 40) })), /^✗ idle5000/m);
});

test("what was not measured is named", () => {
  const text = report(
    results({
      absent: ["hitch (package hitch)"],
      failures: ["idle5000, nginx: only 10 of 5000"],
      series: [{ ...series("hsec", "stunnel", 1), failures: ["round 2: 3 connections were lost"] }],
    }),
  );
  assert.match(text, /not installed: hitch \(package hitch\)/);
  assert.match(text, /- hsec, stunnel: round 2: 3 connections were lost/);
  assert.match(text, /- idle5000, nginx: only 10 of 5000/);
});
