import { styleText } from "node:util";
import type { ConfigDiff, TargetSettingChange } from "../core/control.ts";
import { printable } from "../telemetry/printable.ts";

/** What a reload changes, one line each: `+` comes, `-` goes, `~` changes, `!` needs a restart. */
export function diffText(diff: ConfigDiff, nothing = "  nothing changes"): string {
  const target = ({ backend, target }: { readonly backend: string; readonly target: string }) =>
    `${backend} ${target}`;
  const lines = [
    ...diff.tunnelsAdded.map((name) => `+ tunnel ${name}`),
    ...diff.tunnelsRemoved.map((name) => `- tunnel ${name}`),
    ...diff.tunnelsChanged.map((name) => `~ tunnel ${name}`),
    ...diff.listenersOpened.map((address) => `+ listener ${address}`),
    ...diff.listenersClosed.map((address) => `- listener ${address}`),
    ...diff.targetsAdded.map((one) => `+ target ${target(one)}`),
    ...diff.targetsRemoved.map((one) => `- target ${target(one)}`),
    ...diff.targetsChanged.map(
      (one) => `~ target ${target(one)}: ${one.changes.map(settingText).join(", ")}`,
    ),
    ...diff.needsRestart.map((block) => `! ${block}: takes effect when the program is started anew`),
  ];
  if (lines.length === 0) return `${nothing}\n`;
  return lines.map((line) => `  ${styleText(styles[line[0] ?? ""] ?? "white", printable(line))}\n`).join("");
}

function settingText({ setting, before, next }: TargetSettingChange): string {
  const none = setting === "weight" ? "its own" : "none";
  const name = setting === "admin" ? "" : `${setting} `;
  return `${name}${before ?? none} → ${next ?? none}`;
}

const styles: Readonly<Record<string, "green" | "red" | "yellow" | "magenta">> = {
  "+": "green",
  "-": "red",
  "~": "yellow",
  "!": "magenta",
};
