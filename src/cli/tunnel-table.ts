import type { TargetStatus, TunnelStatus } from "../core/status.ts";
import { formatBytes } from "../telemetry/quantities.ts";
import type { Column, Style } from "./table.ts";

/** A target and the tunnel that it is listed for. */
export interface TargetRow {
  readonly tunnel: string;
  readonly target: TargetStatus;
}

/** One line for each tunnel. */
export const tunnelColumns: readonly Column<TunnelStatus>[] = [
  { title: "TUNNEL", text: ({ name }) => name, style: () => "bold" },
  {
    title: "LISTENS ON",
    atLeast: 12,
    text: (tunnel) => (tunnel.listening ? listenersText(tunnel) : `not: ${listenersText(tunnel)}`),
    style: ({ listening }) => (listening ? undefined : "yellow"),
  },
  { title: "TLS", text: tlsText },
  { title: "TARGETS", text: upText, style: upStyle },
  { title: "ACTIVE", align: "right", text: ({ active }) => String(active) },
  { title: "QUEUED", align: "right", text: ({ queued }) => String(queued) },
  { title: "TOTAL", align: "right", text: ({ connections }) => String(connections) },
  { title: "IN", align: "right", text: ({ bytes }) => formatBytes(bytes.in) },
  { title: "OUT", align: "right", text: ({ bytes }) => formatBytes(bytes.out) },
];

/** One line for each target. */
export const targetColumns: readonly Column<TargetRow>[] = [
  { title: "TUNNEL", text: ({ tunnel }) => tunnel, style: () => "bold" },
  { title: "TARGET", atLeast: 15, text: ({ target }) => target.key },
  {
    title: "STATE",
    text: ({ target }) => stateOf(target).text,
    style: ({ target }) => stateOf(target).style,
  },
  {
    title: "WEIGHT",
    align: "right",
    text: ({ target }) => `${target.weight}${target.overridden ? "*" : ""}`,
  },
  {
    ...{ title: "TIER", align: "right", optional: true },
    text: ({ target }) => (target.priority > 0 ? String(target.priority) : ""),
  },
  { title: "ACTIVE", align: "right", text: ({ target }) => String(target.active) },
  { title: "TOTAL", align: "right", text: ({ target }) => String(target.connections) },
  {
    title: "FAILED",
    align: "right",
    text: ({ target }) => String(target.failures),
    style: ({ target }) => (target.failures > 0 ? "yellow" : undefined),
  },
  { title: "IN", align: "right", text: ({ target }) => formatBytes(target.bytes.in) },
  { title: "OUT", align: "right", text: ({ target }) => formatBytes(target.bytes.out) },
  { title: "WHY", atLeast: 8, optional: true, text: ({ target }) => target.reason ?? "" },
];

/** What decides whether it gets sessions: the operator's word, then its health. */
export function stateOf({ admin, health }: Pick<TargetStatus, "admin" | "health">): {
  readonly text: string;
  readonly style: Extract<Style, string>;
} {
  if (admin !== "enabled") return { text: admin, style: admin === "draining" ? "yellow" : "gray" };
  return { text: health, style: health === "up" ? "green" : health === "ejected" ? "magenta" : "red" };
}

export function listenersText({ listeners }: TunnelStatus): string {
  return listeners.join(", ") || "nothing";
}

/** On which sides there is TLS. */
export function tlsText({ frontendTls, backendTls }: TunnelStatus): string {
  if (frontendTls) return backendTls ? "both" : "in";
  return backendTls ? "out" : "-";
}

/** Targets that can get sessions, of all. */
export function usableCount({ targets }: TunnelStatus): number {
  return targets.filter(({ admin, health }) => admin === "enabled" && health === "up").length;
}

function upText(tunnel: TunnelStatus): string {
  return `${usableCount(tunnel)}/${tunnel.targets.length} up`;
}

function upStyle(tunnel: TunnelStatus): Style {
  const usable = usableCount(tunnel);
  return usable === tunnel.targets.length && usable > 0 ? "green" : usable > 0 ? "yellow" : "red";
}
