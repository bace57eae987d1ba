import type { Command } from "commander";
import { certsCommand } from "./certs.ts";
import { checkCommand } from "./check.ts";
import { addCompletion } from "./completion.ts";
import { doctorCommand } from "./doctor.ts";
import { drainCommand } from "./drain.ts";
import { eventsCommand } from "./events.ts";
import { healthcheckCommand } from "./healthcheck.ts";
import { importCommand } from "./import.ts";
import { inspectCommand } from "./inspect.ts";
import { logCommand } from "./log.ts";
import { overlayCommand } from "./overlay.ts";
import { program } from "./program.ts";
import { reloadCommand } from "./reload.ts";
import { addRun } from "./run.ts";
import { schemaCommand } from "./schema.ts";
import { sessionCommand } from "./session.ts";
import { sessionsCommand } from "./sessions.ts";
import { statusCommand } from "./status.ts";
import { stopCommand } from "./stop.ts";
import { targetCommand } from "./target.ts";
import { targetsCommand } from "./targets.ts";
import { topCommand } from "./top.ts";
import { tunnelsCommand } from "./tunnels.ts";
import { upgradeCommand } from "./upgrade.ts";
import { workerCommand } from "./worker.ts";

/** The whole command line. What a command needs beyond its options is loaded when it runs. */
export function commandLine(): Command {
  const root = addRun(program());
  const add = (heading: string, ...commands: readonly Command[]) => {
    root.commandsGroup(heading);
    for (const command of commands) root.addCommand(command);
  };
  add(
    "Configurations:",
    ...[checkCommand(), schemaCommand(), doctorCommand(), importCommand(), inspectCommand(), certsCommand()],
  );
  add(
    "What runs:",
    ...[statusCommand(), tunnelsCommand(), targetsCommand(), sessionsCommand(), eventsCommand()],
    ...[topCommand(), healthcheckCommand()],
  );
  add(
    "Operating it:",
    ...[targetCommand(), sessionCommand(), overlayCommand(), reloadCommand(), drainCommand(), stopCommand()],
    upgradeCommand(),
    logCommand(),
  );
  return addCompletion(root).addCommand(workerCommand(), { hidden: true });
}
