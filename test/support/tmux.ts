/** A terminal with a program in it: tmux shows what a person would see, and types. */
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { patience } from "./patience.ts";
import { run } from "./program.ts";

export interface Terminal extends AsyncDisposable {
  /** What is on the screen. */
  screen(): Promise<string>;
  /** The same with the codes for colours. */
  colours(): Promise<string>;
  /** Types keys, by tmux' names for those that write nothing. */
  type(...keys: readonly string[]): Promise<void>;
  resize(columns: number, rows: number): Promise<void>;
  /** Waits until the screen (with its colours) is as wanted, and returns it. */
  until(wanted: RegExp | ((screen: string) => boolean), what?: string): Promise<string>;
  /** Resolves when the program has ended. */
  ended(): Promise<void>;
}

export interface TerminalOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export async function startTerminal(
  words: readonly string[],
  { columns = 80, rows = 24, env = {} }: TerminalOptions = {},
): Promise<Terminal> {
  // a server of its own: nobody else's settings, and nothing left behind
  const server = ["-L", `test-${randomUUID()}`, "-f", "/dev/null"];
  const tmux = async (...args: readonly string[]) => {
    const { code, text } = await run("tmux", [...server, ...args], {
      env: { TERM: "xterm-256color", TMUX: "" },
    });
    return { ok: code === 0, text };
  };
  const variables = Object.entries(env).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
  const size = ["-x", String(columns), "-y", String(rows)];
  // with CI set, programs take it that nobody looks, and show no colours
  const started = await tmux("new-session", "-d", ...size, ...variables, "env", "-u", "CI", ...words);
  if (!started.ok) throw new Error(`tmux: ${started.text}`);
  const screen = async () => (await tmux("capture-pane", "-p")).text;
  const colours = async () => (await tmux("capture-pane", "-p", "-e")).text;
  return {
    screen,
    colours,
    type: async (...keys) => void (await tmux("send-keys", ...keys)),
    resize: async (x, y) => void (await tmux("resize-window", "-x", String(x), "-y", String(y))),
    until: async (wanted, what = String(wanted)) => {
      for (const deadline = Date.now() + patience; ; await delay(50)) {
        const now = await colours();
        if (typeof wanted === "function" ? wanted(now) : wanted.test(now)) return now;
        if (Date.now() > deadline) throw new Error(`the screen never was ${what}:\n${await screen()}`);
      }
    },
    ended: async () => {
      for (const deadline = Date.now() + patience; (await tmux("has-session")).ok; await delay(50))
        if (Date.now() > deadline) throw new Error(`the program goes on:\n${await screen()}`);
    },
    [Symbol.asyncDispose]: async () => void (await tmux("kill-server")),
  };
}
