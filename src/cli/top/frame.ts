import type { ControlEvent } from "../../core/control.ts";
import type { Status } from "../../core/status.ts";
import { everything } from "../../telemetry/history.ts";
import { printable } from "../../telemetry/printable.ts";
import { formatAge, formatBytes, formatRate } from "../../telemetry/quantities.ts";
import type { Picture } from "./feed.ts";
import type { View } from "./keys.ts";
import { type Line, left } from "./lines.ts";
import type { Row } from "./rows.ts";
import { sparkline } from "./sparkline.ts";

export interface HeadOptions {
  readonly view: View;
  readonly width: number;
  /** All of them, also those that do not fit. */
  readonly rows: readonly Row[];
}

/** Three lines: the program, its traffic, and what the list below shows. */
export function headLines(picture: Picture, { view, width, rows }: HeadOptions): readonly Line[] {
  return [programLine(picture, width), trafficLine(picture, width), listLine(picture, { view, width, rows })];
}

function programLine({ status, lost }: Picture, width: number): Line {
  const live = lost !== undefined ? "○ lost" : status ? "● live" : "○ new";
  const room = Math.max(0, width - live.length - 1);
  const badge = { text: ` ${live}`, color: lost === undefined ? "green" : "red" };
  if (!status) return [{ text: left(lost === undefined ? "asking …" : printable(lost), room) }, badge];
  const { version, state, pid, startedAt, file = "command line", generation } = status;
  const name = `equilibria-tunnel ${version} `;
  const rest = ` pid ${pid}, up ${age(startedAt)}, ${printable(file)} generation ${generation}`;
  return [
    { text: name, bold: true },
    { text: state, color: stateColors[state] },
    {
      text: left(
        lost === undefined ? rest : ` ${printable(lost)}`,
        Math.max(0, room - name.length - state.length),
      ),
    },
    badge,
  ];
}

function trafficLine({ status, history }: Picture, width: number): Line {
  const { connections, bytesIn, bytesOut, bytes, opened } = history.of(everything);
  const tunnels = status?.tunnels ?? [];
  const [active, queued] = [
    tunnels.reduce((sum, tunnel) => sum + tunnel.active, 0),
    tunnels.reduce((sum, tunnel) => sum + tunnel.queued, 0),
  ];
  const bars = Math.min(30, Math.max(6, Math.floor((width - 62) / 2)));
  return [
    { text: `conn/s ${formatRate(connections).padStart(4)} ` },
    { text: sparkline(opened, bars), color: "cyan" },
    { text: `  in/s ${formatBytes(bytesIn).padStart(5)}  out/s ${formatBytes(bytesOut).padStart(5)} ` },
    { text: sparkline(bytes, bars), color: "cyan" },
    { text: `  active ${active}${queued > 0 ? `, queued ${queued}` : ""}` },
  ];
}

function listLine({ status, sessions }: Picture, { view, rows }: HeadOptions): Line {
  const tab = (list: View["list"], text: string) =>
    view.list === list ? { text: `[${text}]`, bold: true, color: "cyan" } : { text: ` ${text} `, dim: true };
  const filter = view.filter === "" ? "" : `  filter "${view.filter}": ${rows.length} shown`;
  return [
    tab("tunnels", `1 tunnels ${status?.tunnels.length ?? 0}`),
    { text: " " },
    tab("sessions", `2 sessions ${sessions.length}`),
    { text: filter, color: "yellow" },
    { text: `  ${detailOf(rows.find(({ place }) => place === view.selected))}`, dim: true },
  ];
}

/** What does not fit into the row. */
function detailOf(row: Row | undefined): string {
  switch (row?.kind) {
    case "target": {
      const { health, reason, since, priority } = row.target;
      const tier = priority > 0 ? `tier ${priority}, ` : "";
      return printable(
        `${tier}${health}${since === undefined ? "" : ` for ${age(since)}`}${reason === undefined ? "" : `: ${reason}`}`,
      );
    }
    case "tunnel":
      return printable(`${row.tunnel.balance} over ${row.tunnel.backend}`);
    case "session": {
      const { tls, peer, serverName } = row.session;
      return printable(
        [tls?.version, serverName, peer?.subject].filter((known) => known !== undefined).join(" "),
      );
    }
    case undefined:
      return "";
  }
}

/** The newest events, the last one at the bottom. */
export function eventLines(events: readonly ControlEvent[], height: number): readonly Line[] {
  const lines = events.slice(-height || events.length).map((event): Line => {
    const facts = Object.values(event.facts)
      .filter((value) => typeof value === "string" || typeof value === "number")
      .map((value) => printable(String(value)));
    return [
      { text: new Date(event.at).toTimeString().slice(0, 8), dim: true },
      { text: ` ${event.name} `, color: "yellow" },
      { text: facts.join(" "), dim: true },
    ];
  });
  const empty = Array.from({ length: Math.max(0, height - lines.length) }, (): Line => [{ text: " " }]);
  return height === 0 ? [] : [...empty, ...lines];
}

/** What the operator is asked. */
export function askingLine({ asking, filter }: View): Line {
  switch (asking?.kind) {
    case "confirm":
      return [
        { text: `${asking.text}? `, bold: true },
        { text: "y yes, any other key no", color: "yellow" },
      ];
    case "filter":
      return [
        { text: "show only: ", bold: true },
        { text: `${filter}▏` },
        { text: "  Enter keeps it, Esc drops it", dim: true },
      ];
    case "weight":
      return [
        { text: `weight of ${asking.key} (1 to 1000, or default): `, bold: true },
        { text: `${asking.draft}▏` },
      ];
    case undefined:
      return [];
  }
}

/** The keys, or what the last one has led to. */
export function keyLine({ notice, list }: View): Line {
  if (notice !== undefined)
    return [{ text: printable(notice), color: notice.startsWith("failed") ? "red" : "green", bold: true }];
  const keys =
    list === "tunnels"
      ? "↑↓ select  d drain  e enable  x disable  w weight  ⏎ sessions"
      : "↑↓ select  k kill  tab tunnels";
  return [{ text: `${keys}  / filter  ? help`, dim: true }];
}

/** What every key does. */
export const helpLines: readonly Line[] = [
  ["↑ ↓ PgUp PgDn Home End", "select a row"],
  ["1 2 Tab", "tunnels with their targets, or sessions"],
  ["Enter", "the sessions of the selected tunnel or target"],
  ["d", "drain the target: no new sessions, the others go on"],
  ["x", "disable the target: the same, for good"],
  ["e", "enable the target"],
  ["w", "give the target another weight"],
  ["k", "kill the session"],
  ["/", "show only rows with this text; Esc shows all"],
  ["q Ctrl-C", "quit; what runs goes on"],
  ["", ""],
  ["* behind a weight", "the operator's word is in force (see overlay)"],
  ["TRAFFIC", "bytes a second, in and out, the newest at the right"],
].map(([key = "", text = ""]) => [{ text: `  ${left(key, 24)}`, color: "cyan" }, { text }]);

const stateColors: Readonly<Record<Status["state"], string>> = {
  starting: "yellow",
  running: "green",
  draining: "yellow",
  stopping: "red",
};

function age(at: string): string {
  return formatAge(Date.now() - Date.parse(at));
}
