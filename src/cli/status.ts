import { styleText } from "node:util";
import type { Command } from "commander";
import type { Status, WorkerStatus } from "../core/status.ts";
import { printable } from "../telemetry/printable.ts";
import { counted, formatAge } from "../telemetry/quantities.ts";
import { type ControlOptions, controlCommand, controlOf } from "./control-socket.ts";
import { writeJson, writeOut } from "./output.ts";
import { type Column, facts, type Style, table } from "./table.ts";
import { tunnelColumns } from "./tunnel-table.ts";

/** `status`: the program as a whole. */
export function statusCommand(): Command {
  return controlCommand(
    "status",
    "show the running program: version, configuration, workers, tunnels",
  ).action(async (options: ControlOptions, command: Command) => {
    const status = await (await controlOf(command)).status();
    if (options.json) return writeJson(status);
    await writeOut(statusText(status));
  });
}

function statusText(status: Status): string {
  const { version, node, openssl, pid, state, workers, tunnels } = status;
  const restarts = workers.reduce((sum, worker) => sum + worker.restarts, 0);
  const head = facts({
    program: `equilibria-tunnel ${version}, Node ${node}, OpenSSL ${openssl}`,
    state: `${styleText(stateStyles[state], state)}, pid ${pid}, up ${since(status.startedAt)}`,
    configuration: `${printable(status.file ?? "command line")}, generation ${status.generation}, in use for ${since(status.configuredAt)}`,
    reload: reloadText(status),
    workers:
      workers.length > 1 || restarts > 0
        ? `${workers.length}, ${counted(restarts, "unexpected end")}`
        : undefined,
  });
  const parts = [head, table(tunnels, tunnelColumns)];
  if (workers.length > 1) parts.push(table(workers, workerColumns));
  return parts.join("\n");
}

function reloadText({ lastReload }: Status): string | undefined {
  if (!lastReload) return undefined;
  if (lastReload.ok) return `${styleText("green", "taken over")} ${since(lastReload.at)} ago`;
  const [first = "", ...rest] = lastReload.message.split("\n");
  const more = rest.length > 0 ? " …" : "";
  return `${styleText("red", "refused")} ${since(lastReload.at)} ago: ${printable(first)}${more}`;
}

function since(at: string): string {
  return formatAge(Date.now() - Date.parse(at));
}

const stateStyles: Readonly<Record<Status["state"], Style>> = {
  starting: "yellow",
  running: "green",
  draining: "yellow",
  stopping: "red",
};

const workerColumns: readonly Column<WorkerStatus>[] = [
  { title: "WORKER", align: "right", text: ({ id }) => String(id) },
  { title: "PID", align: "right", text: ({ pid }) => String(pid) },
  {
    title: "STATE",
    text: ({ state }) => state,
    style: ({ state }) => (state === "running" ? "green" : state === "stuck" ? "red" : "yellow"),
  },
  { title: "UP", align: "right", text: ({ startedAt }) => since(startedAt) },
  { title: "RESTARTS", align: "right", text: ({ restarts }) => String(restarts) },
  { title: "ACTIVE", align: "right", text: ({ sessions }) => String(sessions) },
];
