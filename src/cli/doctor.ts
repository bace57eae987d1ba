import { styleText } from "node:util";
import { Command } from "commander";
import { printable } from "../telemetry/printable.ts";
import { counted } from "../telemetry/quantities.ts";
import { CliError, exit } from "./cli-error.ts";
import { type ConfigurationOptions, readConfiguration } from "./configuration.ts";
import type { Examination, Finding, Verdict } from "./doctor/finding.ts";
import { writeJson, writeOut } from "./output.ts";

interface DoctorOptions extends ConfigurationOptions {
  readonly json?: boolean;
}

/** `doctor`: what `check` cannot see in a configuration, because it depends on the machine and its surroundings. */
export function doctorCommand(): Command {
  return new Command("doctor")
    .description("examine the surroundings of a configuration: limits, clock, names, ports, certificates")
    .argument("[specs...]", "LISTEN:TARGET,TARGET… instead of a file, several allowed")
    .option("-c, --config <file>", "configuration file")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExits with 1 when something keeps the configuration from working.")
    .action(async (specs: readonly string[], _own: DoctorOptions, command: Command) => {
      // the program has a -c of its own, which may have taken ours
      const options: DoctorOptions = command.optsWithGlobals();
      const loaded = await readConfiguration(specs, options);
      const found: Finding[] = [];
      for (const examine of await examinations()) found.push(...(await examine(loaded)));
      await (options.json ? writeJson(found) : writeOut(found.map(findingText).join("")));
      const failed = found.filter(({ verdict }) => verdict === "fail").length;
      const warned = found.filter(({ verdict }) => verdict === "warn").length;
      const summary = `${counted(found.length, "check")}: ${failed} failed, ${counted(warned, "warning")}`;
      if (failed > 0) throw new CliError(exit.failed, summary);
      if (!options.json) await writeOut(`${summary}\n`);
    });
}

/** What they need of the rest of the program is loaded only for them. */
async function examinations(): Promise<readonly Examination[]> {
  const { examineProcess } = await import("./doctor/process.ts");
  const { examineLimits } = await import("./doctor/limits.ts");
  const { examineClock } = await import("./doctor/clock.ts");
  const { examinePorts } = await import("./doctor/ports.ts");
  const { examineNames } = await import("./doctor/names.ts");
  const { examineTargets } = await import("./doctor/targets.ts");
  const { examineCertificates } = await import("./doctor/certificates.ts");
  return [
    ...[examineProcess, examineLimits, examineClock, examinePorts, examineNames, examineTargets],
    examineCertificates,
  ];
}

function findingText({ verdict, area, text, remedy }: Finding): string {
  const [badge, style] = badges[verdict];
  const first = `${styleText(style, badge)}  ${styleText("bold", area.padEnd(12))} ${printable(text)}\n`;
  return remedy === undefined ? first : `${first}${" ".repeat(19)}→ ${printable(remedy)}\n`;
}

const badges: Readonly<Record<Verdict, readonly [string, "green" | "yellow" | "red"]>> = {
  ok: ["ok  ", "green"],
  warn: ["warn", "yellow"],
  fail: ["FAIL", "red"],
};
