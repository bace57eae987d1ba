import { z } from "zod";
import { listenAddress, type SchemaContext, unixMode } from "../core/scalars.ts";

/** Lines a second. */
export const defaultRejections = 10;

/** The `log` block. */
export function logOptions() {
  return z
    .strictObject({
      level: z.enum(["trace", "debug", "info", "warn", "error", "fatal", "silent"]).default("info").meta({
        description: "the least important records that are written",
      }),
      format: z.enum(["auto", "json", "pretty"]).default("auto").meta({
        description: "auto: pretty on a terminal, JSON lines otherwise",
      }),
      rejections: z.int().nonnegative().optional().meta({
        default: defaultRejections,
        description:
          "lines a second about sessions that were limited, refused or failed to begin; the last one counts the others; 0 for a line each",
      }),
    })
    .meta({ description: "the log, on standard output" });
}

/** The `metrics` block. */
export function metricsOptions(context: SchemaContext) {
  return z
    .strictObject({
      listen: listenAddress(context),
      unixMode: unixMode(),
    })
    .meta({
      description: "Prometheus metrics at /metrics of a listener of their own, without authentication",
    });
}

export type MetricsOptions = z.output<ReturnType<typeof metricsOptions>>;
export type LogOptions = z.output<ReturnType<typeof logOptions>>;
