import type { Command } from "commander";
import { type ControlOptions, controlCommand, controlOf } from "./control-socket.ts";
import { writeJson, writeOut } from "./output.ts";
import { table } from "./table.ts";
import { targetColumns } from "./tunnel-table.ts";

/** `targets`: those of all tunnels, or of one. */
export function targetsCommand(): Command {
  return controlCommand("targets", "list the targets with their state, weight and counters")
    .argument("[tunnel]", "only those of this tunnel")
    .action(async (name: string | undefined, options: ControlOptions, command: Command) => {
      const control = await controlOf(command);
      const tunnels = name === undefined ? (await control.status()).tunnels : [await control.tunnel(name)];
      const rows = tunnels.flatMap(({ name: tunnel, targets }) =>
        targets.map((target) => ({ tunnel, target })),
      );
      if (options.json) return writeJson(rows.map(({ tunnel, target }) => ({ tunnel, ...target })));
      await writeOut(table(rows, targetColumns));
      if (rows.some(({ target }) => target.overridden))
        await writeOut("\n* the operator's word is in force (see overlay)\n");
    });
}
