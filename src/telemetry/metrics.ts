import { Counter, Gauge, Registry } from "@prometheus-io/client";
import type { Events } from "../core/events.ts";
import type { Counts, DurationName, TunnelCounts } from "./counts.ts";
import { durationMetric } from "./durations.ts";
import { foldTargets, type TargetGauges } from "./fold-targets.ts";
import { declareNode } from "./node-metrics.ts";
import { declareProgram } from "./program-metrics.ts";

/** What the metrics ask for when they are read. */
export interface MetricsSource {
  readonly version: string;
  /** Those of the whole program: the supervisor's, where there are workers. */
  readonly events: Events;
  snapshot(): Promise<MetricsSnapshot>;
}

/** The state of everything that is measured, at one moment. */
export interface MetricsSnapshot {
  readonly counts: Counts;
  /** The targets of every tunnel. */
  readonly targets: readonly TargetGauges[];
  /** The tunnels that have limits, and how many connections wait there. */
  readonly queues: readonly { readonly tunnel: string; readonly length: number }[];
  /** Every certificate in use. */
  readonly certificates: readonly {
    readonly tunnel: string;
    readonly source: string;
    readonly notAfter: Date;
  }[];
  /** Every CRL in use; of several in one file the first to expire counts. */
  readonly crls: readonly CrlGauge[];
}

/** A CRL in use. */
export interface CrlGauge {
  readonly tunnel: string;
  readonly source: string;
  readonly nextUpdate: Date;
}

/** Everything that is counted, in Prometheus' text format. Renaming a metric is a breaking change. */
export interface Metrics {
  text(): Promise<string>;
}

type Read = (counts: TunnelCounts, add: (labels: Record<string, string>, value: number) => void) => void;

const nothing: MetricsSnapshot = { counts: new Map(), targets: [], queues: [], certificates: [], crls: [] };

export function createMetrics({ version, events, snapshot }: MetricsSource): Metrics {
  const registry = new Registry();
  let latest = nothing;
  const now = () => latest;
  declareNode(registry);
  declareCounters(registry, now);
  declareGauges(registry, { version, now });
  declareDurations(registry, now);
  declareProgram(registry, events);
  return {
    text: async () => {
      latest = await snapshot();
      return registry.metrics();
    },
  };
}

/** Counters are plain numbers until somebody asks: `read` turns them into samples. */
function declareCounters(registry: Registry, now: () => MetricsSnapshot): void {
  const counter = (name: string, help: string, labelNames: readonly string[], read: Read) =>
    new Counter({
      name: `equilibria_${name}`,
      help,
      labelNames: ["tunnel", ...labelNames],
      registers: [registry],
      collect() {
        this.reset();
        for (const [tunnel, counts] of now().counts)
          read(counts, (labels, value) => this.inc({ tunnel, ...labels }, value));
      },
    });
  counter("connections_total", "Connections accepted", [], (tally, add) => add({}, tally.connections));
  counter("connections_rejected_total", "Connections turned away", ["reason"], (tally, add) => {
    for (const [reason, count] of tally.rejected) add({ reason }, count);
  });
  counter("sessions_total", "Sessions that have ended, by outcome", ["outcome"], (tally, add) => {
    for (const [outcome, count] of tally.sessions) add({ outcome }, count);
  });
  counter("bytes_total", "Payload relayed: in is from the client", ["direction"], (tally, add) => {
    add({ direction: "in" }, tally.bytesIn);
    add({ direction: "out" }, tally.bytesOut);
  });
  counter("redirected_total", "Sessions sent elsewhere, not let in", ["reason"], (tally, add) => {
    for (const [reason, count] of tally.redirected) add({ reason }, count);
  });
  counter("relays_total", "Sessions relayed, by how their payload was moved", ["mode"], (tally, add) => {
    for (const [mode, count] of tally.relays) add({ mode }, count);
  });
  const handshakeLabels = ["side", "version", "resumed"];
  counter("tls_handshakes_total", "TLS handshakes completed", handshakeLabels, (tally, add) => {
    for (const [key, count] of tally.handshakes) {
      const [side = "", version = "", resumed = ""] = key.split(" ");
      add({ side, version, resumed }, count);
    }
  });
  counter("tls_handshake_failures_total", "TLS handshakes failed", ["side", "reason"], (tally, add) => {
    for (const [key, count] of tally.handshakeFailures) {
      const [side = "", reason = ""] = key.split(" ");
      add({ side, reason }, count);
    }
  });
  counter(
    "ocsp_checks_total",
    "Peers' certificates asked about by OCSP, by whose they are and what was learnt",
    ["role", "result"],
    (tally, add) => {
      for (const [key, count] of tally.ocsp) {
        const [role = "", result = ""] = key.split(" ");
        add({ role, result }, count);
      }
    },
  );
  counter("target_connections_total", "Sessions connected to the target", ["target"], (tally, add) => {
    for (const [target, { connections }] of tally.targets) add({ target }, connections);
  });
  counter(
    "target_failures_total",
    "Attempts to connect to the target that failed",
    ["target"],
    (tally, add) => {
      for (const [target, { failures }] of tally.targets) add({ target }, failures);
    },
  );
  counter(
    "target_transitions_total",
    "Changes of the target's health, by what it became",
    ["target", "to"],
    (tally, add) => {
      for (const [target, { transitions }] of tally.targets)
        for (const [to, count] of transitions) add({ target, to }, count);
    },
  );
  counter(
    "target_bytes_total",
    "Payload of ended sessions, by target",
    ["target", "direction"],
    (tally, add) => {
      for (const [target, { bytesIn, bytesOut }] of tally.targets) {
        add({ target, direction: "in" }, bytesIn);
        add({ target, direction: "out" }, bytesOut);
      }
    },
  );
}

function declareGauges(
  registry: Registry,
  { version, now }: { readonly version: string; now(): MetricsSnapshot },
): void {
  const registers = [registry];
  new Gauge({
    name: "equilibria_build_info",
    help: "Always 1; what is running",
    labelNames: ["version", "node", "openssl"],
    registers,
  }).set({ version, node: process.versions.node, openssl: process.versions.openssl }, 1);
  new Gauge({
    name: "equilibria_connections_active",
    help: "Sessions under way",
    labelNames: ["tunnel"],
    registers,
    collect() {
      this.reset();
      for (const [tunnel, { active }] of now().counts) this.set({ tunnel }, active);
    },
  });
  new Gauge({
    name: "equilibria_queue_length",
    help: "Connections that wait because of a limit",
    labelNames: ["tunnel"],
    registers,
    collect() {
      this.reset();
      for (const { tunnel, length } of now().queues) this.set({ tunnel }, length);
    },
  });
  const targetGauge = (name: string, help: string, value: (target: TargetGauges) => number) =>
    new Gauge({
      name: `equilibria_target_${name}`,
      help,
      labelNames: ["tunnel", "target"],
      registers,
      collect() {
        this.reset();
        for (const target of foldTargets(now().targets))
          this.set({ tunnel: target.tunnel, target: target.target }, value(target));
      },
    });
  targetGauge("up", "Whether the target may get sessions, by its health", ({ up }) => Number(up));
  targetGauge("connections_active", "Sessions connected to the target now", ({ active }) => active);
  targetGauge("weight", "The target's share of the sessions", ({ weight }) => weight);
  new Gauge({
    name: "equilibria_certificate_not_after_seconds",
    help: "When the certificate expires, in seconds since 1970",
    labelNames: ["tunnel", "source"],
    registers,
    collect() {
      this.reset();
      for (const { tunnel, source, notAfter } of now().certificates)
        this.set({ tunnel, source }, notAfter.getTime() / 1000);
    },
  });
  new Gauge({
    name: "equilibria_crl_expiry_seconds",
    help: "When the CRL runs out, in seconds since 1970",
    labelNames: ["tunnel", "source"],
    registers,
    collect() {
      this.reset();
      // where one file has several lists, or a source several tunnels' sides, the first to run out stays
      for (const { tunnel, source, nextUpdate } of now().crls.toSorted(latestFirst))
        this.set({ tunnel, source }, nextUpdate.getTime() / 1000);
    },
  });
}

function latestFirst(one: CrlGauge, other: CrlGauge): number {
  return other.nextUpdate.getTime() - one.nextUpdate.getTime();
}

function declareDurations(registry: Registry, now: () => MetricsSnapshot): void {
  const counts = () => now().counts;
  const declare = (duration: DurationName, name: string, help: string) =>
    registry.registerMetric(durationMetric({ duration, name: `equilibria_${name}`, help, counts }));
  declare("session", "session_duration_seconds", "From accept to close");
  declare("handshake", "tls_handshake_duration_seconds", "TLS handshake with the client");
  declare("connect", "target_connect_duration_seconds", "Connecting to a target, its TLS handshake included");
}
