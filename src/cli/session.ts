import { Command } from "commander";
import { type ControlOptions, controlCommand, controlOf } from "./control-socket.ts";
import { writeJson, writeOut } from "./output.ts";

/** `session kill` */
export function sessionCommand(): Command {
  const kill = controlCommand("kill", "end sessions now, with outcome killed")
    .argument("<ids...>", "as `sessions` shows them")
    .action(async (ids: readonly string[], options: ControlOptions, command: Command) => {
      const control = await controlOf(command);
      for (const id of ids) {
        await control.killSession(id);
        if (!options.json) await writeOut(`session ${id}: killed\n`);
      }
      if (options.json) await writeJson({ killed: ids });
    });
  return new Command("session").description("end sessions of the running program").addCommand(kill);
}
