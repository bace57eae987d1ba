import { styleText } from "node:util";
import { printable } from "./printable.ts";
import type { SessionRecord } from "./session-record.ts";

type Style = Parameters<typeof styleText>[0];
type LogRecord = {
  readonly level: string;
  readonly time: string;
  readonly event?: string;
  readonly msg?: string;
} & Readonly<Record<string, unknown>>;

interface ReadyRecord {
  readonly listeners: readonly { readonly tunnel: string; readonly address: string }[];
}

const levelStyles: Readonly<Record<string, Style>> = {
  trace: "gray",
  debug: "gray",
  info: "cyan",
  warn: "yellow",
  error: "red",
  fatal: ["red", "bold"],
};

/** One JSON record as a line for a person. What is no record is passed through. */
export function prettyLine(json: string): string {
  let record: LogRecord;
  try {
    record = JSON.parse(json, harmless) as LogRecord;
  } catch {
    return json;
  }
  const clock = styleText("gray", new Date(record.time).toTimeString().slice(0, 8));
  const badge = styleText(levelStyles[record.level] ?? "white", record.level.padEnd(5));
  return `${clock} ${badge} ${recordText(record)}\n`;
}

function harmless(_key: string, value: unknown): unknown {
  return typeof value === "string" ? printable(value) : value;
}

function recordText(record: LogRecord): string {
  const { level: _, time: __, event, msg, ...facts } = record;
  if (event === "session") return sessionText(record as unknown as SessionRecord);
  if (event !== "ready") return eventText(msg ?? event ?? "", facts);
  return eventText(listenersText(record as unknown as ReadyRecord), { ...facts, listeners: undefined });
}

function listenersText({ listeners }: ReadyRecord): string {
  const bound = listeners.map(({ tunnel, address }) => `${styleText("bold", tunnel)} ${address}`);
  return `ready: ${bound.join(", ")}`;
}

function sessionText(record: SessionRecord): string {
  const good = record.outcome === "completed";
  const outcome = styleText(good ? "green" : "yellow", record.outcome);
  const route = `${record.client} → ${record.target ?? "nowhere"}`;
  const moved = `${bytes(record.bytesIn)} in, ${bytes(record.bytesOut)} out`;
  const reason = record.reason === undefined ? "" : `: ${record.reason}`;
  const tls = record.tls
    ? styleText("gray", ` ${record.tls.version}${record.tls.resumed ? " resumed" : ""}`)
    : "";
  return `${styleText("bold", record.tunnel)} ${route}${tls} ${outcome}${reason} ${styleText("gray", `(${moved}, ${record.ms.total} ms)`)}`;
}

function eventText(message: string, facts: object): string {
  const rest = Object.entries(facts).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${typeof value === "string" ? value : JSON.stringify(value)}`],
  );
  return [message, styleText("gray", rest.join(" "))].filter((part) => part !== "").join(" ");
}

function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  const power = Math.min(Math.floor(Math.log2(count) / 10), 4);
  return `${(count / 1024 ** power).toFixed(1)} ${["B", "KiB", "MiB", "GiB", "TiB"][power]}`;
}
