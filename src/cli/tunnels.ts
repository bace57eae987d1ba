import type { Command } from "commander";
import type { TunnelStatus } from "../core/status.ts";
import { formatBytes } from "../telemetry/quantities.ts";
import { type ControlOptions, controlCommand, controlOf } from "./control-socket.ts";
import { writeJson, writeOut } from "./output.ts";
import { facts, table } from "./table.ts";
import { listenersText, targetColumns, tlsText, tunnelColumns } from "./tunnel-table.ts";

/** `tunnels`: all in a table, or one with everything that is known of it. */
export function tunnelsCommand(): Command {
  return controlCommand("tunnels", "list the tunnels, or show one with its outcomes and targets")
    .argument("[tunnel]", "its name")
    .action(async (name: string | undefined, options: ControlOptions, command: Command) => {
      const control = await controlOf(command);
      if (name !== undefined) {
        const tunnel = await control.tunnel(name);
        return options.json ? writeJson(tunnel) : writeOut(tunnelText(tunnel));
      }
      const { tunnels } = await control.status();
      await (options.json ? writeJson(tunnels) : writeOut(table(tunnels, tunnelColumns)));
    });
}

function tunnelText(tunnel: TunnelStatus): string {
  const { name, bytes, outcomes, rejected } = tunnel;
  const head = facts({
    tunnel: name,
    from: originTexts[tunnel.origin],
    "listens on": `${listenersText(tunnel)}${tunnel.listening ? "" : " (not now: it waits for a usable target)"}`,
    tls: { both: "on both sides", in: "towards clients", out: "towards targets", "-": "none" }[
      tlsText(tunnel)
    ],
    backend: `${tunnel.backend}, ${tunnel.balance}`,
    connections: `${tunnel.connections} since the start, ${tunnel.active} active, ${tunnel.queued} queued`,
    bytes: `${formatBytes(bytes.in)} from clients, ${formatBytes(bytes.out)} to clients`,
    outcomes: countsText(outcomes),
    "turned away": countsText(rejected),
  });
  return `${head}\n${table(
    tunnel.targets.map((target) => ({ tunnel: name, target })),
    targetColumns.slice(1),
  )}`;
}

const originTexts: Readonly<Record<TunnelStatus["origin"], string>> = {
  file: "the configuration file",
  overlay: "a change made while running (see overlay)",
  "command-line": "the command line",
};

function countsText(counts: Readonly<Record<string, number>>): string | undefined {
  const sorted = Object.entries(counts).toSorted(([, a], [, b]) => b - a);
  return sorted.length === 0 ? undefined : sorted.map(([name, count]) => `${count} ${name}`).join(", ");
}
