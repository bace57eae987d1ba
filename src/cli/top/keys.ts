import type { TargetAdmin } from "../../core/backend.ts";
import type { TargetChange } from "../../core/control.ts";
import type { Row } from "./rows.ts";

/** What is done to the running program, once the operator has confirmed it. */
export type Action =
  | { readonly kind: "target"; readonly tunnel: string; readonly key: string; readonly change: TargetChange }
  | { readonly kind: "kill"; readonly id: string };

/** What is asked at the bottom of the screen. */
export type Asking =
  | { readonly kind: "filter"; readonly before: string }
  | { readonly kind: "weight"; readonly tunnel: string; readonly key: string; readonly draft: string }
  | { readonly kind: "confirm"; readonly text: string; readonly action: Action };

export interface View {
  readonly list: "tunnels" | "sessions";
  readonly filter: string;
  /** The place of a row. */
  readonly selected: string | undefined;
  readonly asking: Asking | undefined;
  readonly help: boolean;
  /** What the last key has led to. */
  readonly notice: string | undefined;
}

/** A key: its name, or the characters that it writes. */
export interface Press {
  readonly name?:
    | "up"
    | "down"
    | "page-up"
    | "page-down"
    | "home"
    | "end"
    | "return"
    | "escape"
    | "tab"
    | "backspace";
  readonly text: string;
}

export interface Outcome {
  readonly view: View;
  readonly action?: Action;
  readonly quit?: boolean;
}

export const firstView: View = {
  ...{ list: "tunnels", filter: "", selected: undefined },
  ...{ asking: undefined, help: false, notice: undefined },
};

/** What a key does. `page` is how many rows fit on the screen. */
export function press(
  view: View,
  key: Press,
  { rows, page }: { readonly rows: readonly Row[]; readonly page: number },
): Outcome {
  const quiet: View = { ...view, notice: undefined };
  if (view.help) return { view: { ...quiet, help: false } };
  if (view.asking) return answer(quiet, view.asking, key);
  switch (key.name) {
    case "up":
      return move(quiet, rows, -1);
    case "down":
      return move(quiet, rows, 1);
    case "page-up":
      return move(quiet, rows, -page);
    case "page-down":
      return move(quiet, rows, page);
    case "home":
      return move(quiet, rows, -rows.length);
    case "end":
      return move(quiet, rows, rows.length);
    case "escape":
      return { view: { ...quiet, filter: "" } };
    case "tab":
      return {
        view: { ...quiet, list: view.list === "tunnels" ? "sessions" : "tunnels", selected: undefined },
      };
    case "return":
      return { view: sessionsOf(quiet, selectedRow(quiet, rows)) };
    default:
      return command(quiet, key.text, selectedRow(quiet, rows));
  }
}

function command(view: View, text: string, row: Row | undefined): Outcome {
  switch (text) {
    case "q":
      return { view, quit: true };
    case "?":
    case "h":
      return { view: { ...view, help: true } };
    case "/":
      return { view: { ...view, asking: { kind: "filter", before: view.filter } } };
    case "1":
      return { view: { ...view, list: "tunnels", selected: undefined } };
    case "2":
      return { view: { ...view, list: "sessions", selected: undefined } };
    case "d":
      return { view: askAdmin(view, row, "draining") };
    case "e":
      return { view: askAdmin(view, row, "enabled") };
    case "x":
      return { view: askAdmin(view, row, "disabled") };
    case "w":
      return { view: askWeight(view, row) };
    case "k":
      return { view: askKill(view, row) };
    default:
      return { view };
  }
}

function answer(view: View, asking: Asking, { name, text }: Press): Outcome {
  const done: View = { ...view, asking: undefined };
  switch (asking.kind) {
    case "confirm":
      if (text === "y" || text === "Y") return { view: done, action: asking.action };
      return { view: { ...done, notice: "nothing was changed" } };
    case "filter":
      if (name === "return") return { view: done };
      if (name === "escape") return { view: { ...done, filter: asking.before } };
      return { view: { ...view, filter: edit(view.filter, { name, text }), selected: undefined } };
    case "weight": {
      if (name === "escape") return { view: { ...done, notice: "nothing was changed" } };
      if (name !== "return")
        return { view: { ...view, asking: { ...asking, draft: edit(asking.draft, { name, text }) } } };
      const weight = weightOf(asking.draft);
      if (weight === undefined)
        return { view: { ...done, notice: `"${asking.draft}" is no weight: 1 to 1000, or default` } };
      const { tunnel, key } = asking;
      const said = weight === null ? "the configuration's weight" : `weight ${weight}`;
      return {
        view: confirm(done, `give ${key} of ${tunnel} ${said}`, {
          kind: "target",
          tunnel,
          key,
          change: { weight },
        }),
      };
    }
  }
}

function edit(
  before: string,
  { name, text }: Pick<Press, "name" | "text"> | { name: Press["name"] | undefined; text: string },
): string {
  if (name === "backspace") return [...before].slice(0, -1).join("");
  return name === undefined ? (before + text.replace(/\p{Cc}/gu, "")).slice(0, 60) : before;
}

/** null for the configuration's own. */
function weightOf(draft: string): number | null | undefined {
  if (draft === "default") return null;
  const weight = /^\d{1,4}$/.test(draft) ? Number(draft) : 0;
  return weight >= 1 && weight <= 1000 ? weight : undefined;
}

function askAdmin(view: View, row: Row | undefined, admin: TargetAdmin): View {
  if (row?.kind !== "target") return { ...view, notice: "select a target first (arrow keys)" };
  const { tunnel, target } = row;
  const verb = { draining: "drain", enabled: "enable", disabled: "disable" }[admin];
  return confirm(view, `${verb} ${target.key} of ${tunnel.name}`, {
    ...{ kind: "target", tunnel: tunnel.name, key: target.key, change: { admin } },
  });
}

function askWeight(view: View, row: Row | undefined): View {
  if (row?.kind !== "target") return { ...view, notice: "select a target first (arrow keys)" };
  return { ...view, asking: { kind: "weight", tunnel: row.tunnel.name, key: row.target.key, draft: "" } };
}

function askKill(view: View, row: Row | undefined): View {
  if (row?.kind !== "session") return { ...view, notice: "select a session first (2 shows them)" };
  const { id, client } = row.session;
  return confirm(view, `kill the session ${id} of ${client}`, { kind: "kill", id });
}

function confirm(view: View, text: string, action: Action): View {
  return { ...view, asking: { kind: "confirm", text, action } };
}

function sessionsOf(view: View, row: Row | undefined): View {
  if (!row || row.kind === "session") return view;
  const filter = row.kind === "tunnel" ? row.tunnel.name : row.target.key;
  return { ...view, list: "sessions", filter, selected: undefined };
}

function move(view: View, rows: readonly Row[], by: number): Outcome {
  const at = rows.findIndex(({ place }) => place === view.selected);
  // where nothing is selected, the first key shows where one is
  const backwards = by === -1 || by >= rows.length;
  const wanted = at >= 0 ? at + by : backwards ? rows.length - 1 : 0;
  const next = rows[Math.min(Math.max(0, wanted), rows.length - 1)];
  return { view: { ...view, selected: next?.place } };
}

function selectedRow(view: View, rows: readonly Row[]): Row | undefined {
  return rows.find(({ place }) => place === view.selected);
}
