import { commandLine } from "./cli/command-line.ts";
import { runCommandLine } from "./cli/program.ts";

process.exit(await runCommandLine(commandLine(), process.argv));
