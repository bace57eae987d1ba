import { Command } from "commander";

/** What a supervisor starts: not for people. */
export function workerCommand(): Command {
  return new Command("worker")
    .description("carry connections for a supervisor, which starts this by itself")
    .action(async () => {
      const { readSetting } = await import("../app/messages.ts");
      const { runWorker } = await import("../app/worker.ts");
      await runWorker(readSetting(process.env));
    });
}
