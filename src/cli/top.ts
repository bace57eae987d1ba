import type { Command } from "commander";
import { type ControlOptions, controlCommand, controlOf } from "./control-socket.ts";
import { writeJson, writeOut } from "./output.ts";

/** `top`: the running program on one screen; without a terminal, a table of the last second. */
export function topCommand(): Command {
  return controlCommand("top", "show tunnels, targets and sessions live, and operate them by keys")
    .option("--plain", "print a table of one second and end, as without a terminal")
    .addHelpText("after", "\nPress ? there for the keys.")
    .action(async (options: ControlOptions & { readonly plain?: boolean }, command: Command) => {
      const control = await controlOf(command);
      if (options.json || options.plain || !process.stdout.isTTY || !process.stdin.isTTY) {
        const { measure, measuredTable } = await import("./top/plain.ts");
        const tunnels = await measure(control);
        return options.json ? writeJson(tunnels) : writeOut(measuredTable(tunnels));
      }
      // whether there is anybody to show is better said before the screen changes
      await control.status();
      prepareColours();
      const { showScreen } = await import("./top/screen.ts");
      await showScreen(control);
    });
}

/** Both are read when ink and react are loaded. */
function prepareColours(): void {
  // https://no-color.org, which chalk leaves to its users
  if (process.env["NO_COLOR"]) process.env["FORCE_COLOR"] = "0";
  // react's checks for its developers take time and memory
  process.env["NODE_ENV"] ??= "production";
}
