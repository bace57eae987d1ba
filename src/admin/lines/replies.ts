import { parseAddress } from "../../core/address.ts";
import type { ReloadResult } from "../../core/control.ts";
import type { Status } from "../../core/status.ts";
import { placeOf } from "./places.ts";

/** `listener TAB target TAB connections TAB failures`, sorted. */
export function statusText({ tunnels }: Status): string {
  const lines = tunnels.flatMap((tunnel) =>
    tunnel.listeners.flatMap((listener) =>
      tunnel.targets.map((target) =>
        [shownListener(listener), shownTarget(target.key), target.connections, target.failures].join("\t"),
      ),
    ),
  );
  if (lines.length === 0) return "No proxies currently active.\n";
  return `${lines.toSorted(byNumberThenText).join("\n")}\n`;
}

/** Ports by number, the rest by text. */
function byNumberThenText(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

export function notListening(shown: string): string {
  return `ERR:  Not listening on port ${shown}.\n`;
}

/** Equilibria says nothing of the cause; it follows on lines of its own. */
export function explained(result: Extract<ReloadResult, { ok: false }>): string {
  return `${result.message
    .split("\n")
    .map((line) => `ERR:  ${line}`)
    .join("\n")}\n`;
}

export function asJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function shownListener(text: string): string {
  return placeOf(parseAddress(text, "0.0.0.0")).shown;
}

function shownTarget(text: string): string {
  return placeOf(parseAddress(text, "127.0.0.1")).shown;
}
