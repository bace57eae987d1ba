import type { Command } from "commander";
import type { SessionStatus } from "../core/status.ts";
import { formatAge, formatBytes } from "../telemetry/quantities.ts";
import { type ControlOptions, controlCommand, controlOf } from "./control-socket.ts";
import { writeJson, writeOut } from "./output.ts";
import { type Column, table } from "./table.ts";

/** `sessions`: those under way. */
export function sessionsCommand(): Command {
  return controlCommand("sessions", "list the sessions under way")
    .argument("[tunnel]", "only those of this tunnel")
    .action(async (tunnel: string | undefined, options: ControlOptions, command: Command) => {
      const sessions = await (await controlOf(command)).sessions(tunnel);
      await (options.json ? writeJson(sessions) : writeOut(table(sessions, sessionColumns)));
    });
}

const sessionColumns: readonly Column<SessionStatus>[] = [
  { title: "ID", text: ({ id }) => id },
  { title: "TUNNEL", text: ({ tunnel }) => tunnel, style: () => "bold" },
  { title: "CLIENT", atLeast: 12, text: ({ client }) => client },
  {
    title: "TARGET",
    atLeast: 12,
    text: ({ target }) => target ?? "(none yet)",
    style: ({ target }) => (target === undefined ? "yellow" : undefined),
  },
  { title: "AGE", align: "right", text: ({ ageMs }) => formatAge(ageMs) },
  { title: "IN", align: "right", text: ({ bytes }) => formatBytes(bytes.in) },
  { title: "OUT", align: "right", text: ({ bytes }) => formatBytes(bytes.out) },
  { title: "NAME", atLeast: 4, optional: true, text: identity },
];

/** The server name that was asked for, and whom the client's certificate names. */
function identity({ serverName, peer, tls }: SessionStatus): string {
  const known = [serverName, peer && `by ${peer.commonName ?? peer.subject}`].filter(Boolean).join(" ");
  return known || (tls?.version ?? "");
}
