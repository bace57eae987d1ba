import type { Control } from "../../core/control.ts";
import type { Api } from "../api.ts";
import { serve } from "./route.ts";

/** What machines ask for: metrics, and whether the program works. */
export function addProbes(app: Api, control: Control): void {
  const text = (description: string) => ({ content: { "text/plain": {} }, description });
  serve(
    app,
    {
      ...{ role: "read", method: "get", path: "/metrics", summary: "Metrics" },
      responses: { 200: text("Prometheus' text format, all workers together") },
    },
    async (c) =>
      c.body(await control.metrics(), 200, { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" }),
  );
  serve(
    app,
    {
      ...{ role: undefined, method: "get", path: "/healthz", summary: "Whether the program works" },
      responses: { 200: text("ok") },
    },
    (c) => c.text("ok\n"),
  );
  serve(
    app,
    {
      ...{ role: undefined, method: "get", path: "/readyz", summary: "Whether it takes connections" },
      responses: { 200: text("ok"), 503: text("draining or stopping") },
    },
    async (c) => {
      const { state } = await control.status();
      return state === "running" ? c.text("ok\n") : c.text(`${state}\n`, 503);
    },
  );
}
