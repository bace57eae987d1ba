import { Argument, Command, InvalidArgumentError, Option } from "commander";
import type { TargetAdmin } from "../core/backend.ts";
import { CliError, exit } from "./cli-error.ts";
import { type ControlOptions, controlCommand, controlOf } from "./control-socket.ts";
import { writeJson, writeOut } from "./output.ts";
import { table } from "./table.ts";
import { targetColumns } from "./tunnel-table.ts";

interface SetOptions extends ControlOptions {
  /** null for the configuration's own. */
  readonly weight?: number | null;
}

/** `target set`: the operator's word on a target, which outlives restarts. */
export function targetCommand(): Command {
  const set = controlCommand("set", "drain, disable, enable or weigh a target; kept over restarts")
    .argument("<tunnel>", "name of the tunnel")
    .argument("<target>", "address of the target, as `targets` shows it")
    .addArgument(
      new Argument("[state]", "draining and disabled get no new sessions; those under way go on").choices([
        "enabled",
        "draining",
        "disabled",
      ]),
    )
    .addOption(
      new Option(
        "--weight <n>",
        "share of the sessions, 1 to 1000; `default` for the configuration's",
      ).argParser(parseWeight),
    )
    .action(
      async (
        tunnel: string,
        key: string,
        state: TargetAdmin | undefined,
        options: SetOptions,
        command: Command,
      ) => {
        const { weight, json } = options;
        if (state === undefined && weight === undefined)
          throw new CliError(exit.usage, "say what to set: enabled, draining, disabled or --weight N");
        const target = await (await controlOf(command)).setTarget({ tunnel, key }, { admin: state, weight });
        await (json
          ? writeJson({ tunnel, ...target })
          : writeOut(table([{ tunnel, target }], targetColumns)));
      },
    );
  return new Command("target").description("change a target of the running program").addCommand(set);
}

function parseWeight(text: string): number | null {
  if (text === "default") return null;
  const weight = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (weight < 1 || weight > 1000)
    throw new InvalidArgumentError("write a number from 1 to 1000, or default.");
  return weight;
}
