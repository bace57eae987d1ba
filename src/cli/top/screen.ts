import { Box, type Key, render, Text, useApp, useInput, useWindowSize } from "ink";
import { createElement, type ReactNode, useEffect, useReducer, useRef, useState } from "react";
import { reasonOf } from "../../core/outcome.ts";
import type { ControlClient } from "../control-client.ts";
import { controlFeed } from "./feed.ts";
import { askingLine, eventLines, headLines, helpLines, keyLine } from "./frame.ts";
import { type Action, firstView, type Press, press, type View } from "./keys.ts";
import { type Line, rowLine, titleLine } from "./lines.ts";
import { sessionRows, tunnelRows, windowOf } from "./rows.ts";

/** Lines for what has happened, where there is room. */
const eventHeight = 3;

/** Shows the running program on the terminal until the operator has seen enough. */
export async function showScreen(control: ControlClient): Promise<void> {
  const app = render(createElement(Screen, { control }), {
    ...{ alternateScreen: true, incrementalRendering: true },
    // ink takes a terminal of a CI job for none
    interactive: true,
  });
  await app.waitUntilExit();
}

function Screen({ control }: { readonly control: ControlClient }): ReactNode {
  const { exit } = useApp();
  const { columns, rows: height } = useWindowSize();
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const [feed] = useState(() => controlFeed(control, redraw));
  const state = useRef({ view: firstView, top: 0 });
  useEffect(() => {
    feed.start();
    return () => feed.stop();
  }, [feed]);

  const { picture } = feed;
  const { view } = state.current;
  const list = (now: View) =>
    now.list === "sessions"
      ? sessionRows(picture.sessions, now.filter)
      : tunnelRows(picture.status ?? { tunnels: [] }, now.filter);
  const events = height >= 20 ? eventHeight : 0;
  // the last line stays free: a terminal may scroll when it is written to
  const page = Math.max(1, height - 6 - events);

  const show = (change: Partial<View>) => {
    state.current = { ...state.current, view: { ...state.current.view, ...change } };
    redraw();
  };
  const act = async (action: Action) => {
    try {
      show({ notice: await perform(control, action) });
    } catch (error) {
      show({ notice: `failed: ${reasonOf(error)}` });
    }
    feed.refresh();
  };
  useInput((text, key) => {
    for (const one of pressesOf(text, key)) {
      const now = state.current.view;
      const outcome = press(now, one, { rows: list(now), page });
      show(outcome.view);
      if (outcome.action) void act(outcome.action);
      if (outcome.quit) exit();
    }
  });

  const rows = list(view);
  const shown = windowOf(rows, { selected: view.selected, height: page, top: state.current.top });
  state.current.top = shown.top;
  const body: readonly Line[] = view.help
    ? helpLines.slice(0, page)
    : shown.rows.map((row) =>
        rowLine(row, { history: picture.history, selected: row.place === view.selected, width: columns }),
      );
  const lines: readonly Line[] = [
    ...headLines(picture, { view, width: columns, rows }),
    titleLine(view.list, columns).map((piece) => ({ ...piece, dim: true })),
    ...body,
    ...Array.from({ length: page - body.length }, () => [{ text: " " }]),
    ...eventLines(picture.events, events),
    view.asking ? askingLine(view) : keyLine(view),
  ];
  return createElement(
    Box,
    { flexDirection: "column", width: columns },
    ...lines.map((line, index) => createElement(Row, { key: index, line })),
  );
}

function Row({ line }: { readonly line: Line }): ReactNode {
  return createElement(
    Text,
    { wrap: "truncate" },
    ...line.map(({ text, color, bold = false, dim = false }, index) =>
      createElement(
        Text,
        { key: index, bold, dimColor: dim, ...(color === undefined ? {} : { color }) },
        text,
      ),
    ),
  );
}

/** Does it, and says that it is done. */
async function perform(control: ControlClient, action: Action): Promise<string> {
  if (action.kind === "kill") {
    await control.killSession(action.id);
    return `session ${action.id} is killed`;
  }
  const { tunnel, key, change } = action;
  const target = await control.setTarget({ tunnel, key }, change);
  return `${key} of ${tunnel} is ${target.admin}, weight ${target.weight}`;
}

/** Several keys may come at once, from a paste or a slow line. */
function pressesOf(text: string, key: Key): readonly Press[] {
  const name = nameOf(key);
  if (name !== undefined) return [{ name, text: "" }];
  if (key.ctrl || key.meta) return [];
  return [...text].map((character) =>
    character === "\r" ? { name: "return", text: "" } : { text: character },
  );
}

function nameOf(key: Key): Press["name"] {
  if (key.upArrow) return "up";
  if (key.downArrow) return "down";
  if (key.pageUp) return "page-up";
  if (key.pageDown) return "page-down";
  if (key.home) return "home";
  if (key.end) return "end";
  if (key.return) return "return";
  if (key.escape) return "escape";
  if (key.tab) return "tab";
  return key.backspace || key.delete ? "backspace" : undefined;
}
