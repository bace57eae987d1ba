import { performance } from "node:perf_hooks";
import { collectDefaultMetrics, Gauge, type Registry } from "@prometheus-io/client";

/**
 * The library's metrics whose names promtool finds fault with: gauges called `_total`, which are the sums of others, and
 * names that say of what type they are.
 */
const misnamed = [
  "nodejs_active_handles_total",
  "nodejs_active_requests_total",
  "nodejs_active_resources_total",
  "nodejs_eventloop_utilization_histogram",
  "nodejs_eventloop_utilization_summary",
];

/** The longest time that a timer takes, in milliseconds. */
const never = 2 ** 31 - 1;

/** Metrics of the process and of Node.js. */
export function declareNode(registry: Registry): void {
  // what looks at the utilization all the time is not among those that stay
  collectDefaultMetrics({ register: registry, eventLoopUtilizationTimeout: never });
  for (const name of misnamed) registry.removeSingleMetric(name);
  let before = performance.eventLoopUtilization();
  new Gauge({
    name: "nodejs_eventloop_utilization_ratio",
    help: "Share of the time since the last scrape in which the event loop was busy",
    registers: [registry],
    collect() {
      const now = performance.eventLoopUtilization();
      this.set(performance.eventLoopUtilization(now, before).utilization);
      before = now;
    },
  });
}
