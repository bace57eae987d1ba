import type { Command } from "commander";
import { type ControlOptions, controlCommand, controlOf } from "./control-socket.ts";
import { writeJson, writeOut } from "./output.ts";

/** `upgrade`: replaces the process by a new one of the program as it is on the disk now. */
export function upgradeCommand(): Command {
  return controlCommand(
    "upgrade",
    "start the program anew on the same sockets, as it is on the disk now; this process drains",
  ).action(async (options: ControlOptions, command: Command) => {
    const { pid } = await (await controlOf(command)).upgrade();
    await (options.json ? writeJson({ pid }) : writeOut(`process ${pid} has taken over\n`));
  });
}
