import type { Command } from "commander";
import { type ControlOptions, controlCommand, controlOf } from "./control-socket.ts";
import { writeJson, writeOut } from "./output.ts";

/** `stop`: ends the program and every session now. */
export function stopCommand(): Command {
  return controlCommand("stop", "end the program and every session now; drain waits for sessions").action(
    async (options: ControlOptions, command: Command) => {
      const control = await controlOf(command);
      const { pid } = await control.status();
      await control.stop();
      await (options.json ? writeJson({ pid, stopping: true }) : writeOut(`process ${pid} stops\n`));
    },
  );
}
