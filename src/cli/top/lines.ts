import type { TargetStatus, TunnelStatus } from "../../core/status.ts";
import type { History, Trend } from "../../telemetry/history.ts";
import { printable } from "../../telemetry/printable.ts";
import { formatAge, formatBytes, formatRate } from "../../telemetry/quantities.ts";
import { stateOf, usableCount } from "../tunnel-table.ts";
import type { Row } from "./rows.ts";
import { sparkline } from "./sparkline.ts";

/** A piece of a line; the colours are ink's. */
export interface Piece {
  readonly text: string;
  readonly color?: string;
  readonly bold?: boolean;
  readonly dim?: boolean;
}

export type Line = readonly Piece[];

export interface LineOptions {
  readonly history: History;
  readonly selected: boolean;
  /** Characters. */
  readonly width: number;
}

/** The titles above the rows. */
export function titleLine(list: "tunnels" | "sessions", width: number): Line {
  if (list === "tunnels") {
    const { name, trend } = tunnelWidths(width);
    const numbers = ["WGHT", "ACT", "CONN/S", "IN/S", "OUT/S"].map((title) => title.padStart(6));
    return [
      {
        text: `  ${left("TUNNEL / TARGET", name)} ${left("STATE", 9)} ${numbers.join(" ")} ${left("TRAFFIC", trend)}`,
      },
    ];
  }
  const { id, tunnel, address } = sessionWidths(width);
  const texts = [
    left("SESSION", id),
    left("TUNNEL", tunnel),
    left("CLIENT", address),
    left("TARGET", address),
  ];
  return [
    { text: `  ${texts.join(" ")} ${["AGE", "IN", "OUT"].map((title) => title.padStart(6)).join(" ")}` },
  ];
}

/** A row of the list, as wide as the screen at most. */
export function rowLine(row: Row, { history, selected, width }: LineOptions): Line {
  const marker: Piece = { text: selected ? "▸ " : "  ", color: "cyan", bold: true };
  switch (row.kind) {
    case "tunnel":
      return [marker, ...tunnelLine(row.tunnel, history.of(row.place), width)];
    case "target":
      return [marker, ...targetLine(row.target, history.of(row.place), width)];
    case "session":
      return [marker, ...sessionLine(row, width)];
  }
}

function tunnelLine(tunnel: TunnelStatus, trend: Trend, width: number): Line {
  const { name } = tunnelWidths(width);
  const usable = usableCount(tunnel);
  const all = tunnel.targets.length;
  const color = usable === all && all > 0 ? "green" : usable > 0 ? "yellow" : "red";
  const title = tunnel.name.slice(0, name);
  const listeners = tunnel.listening ? tunnel.listeners.join(" ") : "not listening";
  return [
    { text: title, bold: true },
    { text: left(` ${printable(listeners)}`, name - title.length), dim: true },
    { text: ` ${left(`${usable}/${all} up`, 9)}`, color },
    { text: ` ${" ".repeat(6)} ${right(String(tunnel.active))} ` },
    ...ratePieces(trend, width),
  ];
}

function targetLine(target: TargetStatus, trend: Trend, width: number): Line {
  const { name } = tunnelWidths(width);
  const { text, style } = stateOf(target);
  const why = target.reason === undefined ? "" : ` ${target.reason}`;
  const key = `  ${printable(target.key)}`;
  return [
    { text: left(key, Math.min(name, key.length)) },
    { text: left(printable(why), Math.max(0, name - key.length)), dim: true },
    { text: ` ${left(text, 9)}`, color: style },
    { text: ` ${right(`${target.weight}${target.overridden ? "*" : ""}`)}` },
    { text: ` ${right(String(target.active))} ` },
    ...ratePieces(trend, width),
  ];
}

function ratePieces(trend: Trend, width: number): Line {
  const numbers = [formatRate(trend.connections), formatBytes(trend.bytesIn), formatBytes(trend.bytesOut)];
  return [
    { text: `${numbers.map(right).join(" ")} ` },
    { text: sparkline(trend.bytes, tunnelWidths(width).trend), color: "cyan" },
  ];
}

function sessionLine({ session }: Extract<Row, { readonly kind: "session" }>, width: number): Line {
  const widths = sessionWidths(width);
  const numbers = [formatAge(session.ageMs), formatBytes(session.bytes.in), formatBytes(session.bytes.out)];
  const name = session.serverName === undefined ? "" : ` ${printable(session.serverName)}`;
  return [
    { text: `${left(session.id, widths.id)} ` },
    { text: left(session.tunnel, widths.tunnel), bold: true },
    { text: ` ${left(printable(session.client), widths.address)} ` },
    session.target === undefined
      ? { text: left("(none yet)", widths.address), color: "yellow" }
      : { text: left(printable(session.target), widths.address) },
    { text: ` ${numbers.map(right).join(" ")}` },
    { text: left(name, Math.max(0, widths.rest)), dim: true },
  ];
}

/** Five columns of numbers, one of the state, and what is between them take 49 characters. */
function tunnelWidths(width: number): { readonly name: number; readonly trend: number } {
  const room = Math.max(20, width - 49);
  const name = Math.min(44, Math.max(20, Math.floor(room * 0.65)));
  return { name, trend: Math.max(0, room - name) };
}

function sessionWidths(width: number) {
  const room = Math.max(40, width - 2 - 3 - 3 * 7);
  const [id, tunnel] = [13, room > 70 ? 16 : 9];
  const address = Math.min(47, Math.floor((room - id - tunnel) / 2));
  return { id, tunnel, address, rest: room - id - tunnel - 2 * address };
}

/** Cut or filled up to this many characters. */
export function left(text: string, width: number): string {
  const characters = [...text];
  if (characters.length <= width) return text + " ".repeat(width - characters.length);
  return width > 0 ? `${characters.slice(0, width - 1).join("")}…` : "";
}

function right(text: string): string {
  return text.padStart(6);
}
