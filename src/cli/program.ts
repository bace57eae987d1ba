import { Command, CommanderError } from "commander";
import { version } from "../app/version.ts";
import { CliError, exit } from "./cli-error.ts";
import { isBrokenPipe } from "./output.ts";

const examples = `
Examples:
  equilibria-tunnel -c tunnels.yaml                run in the foreground
  equilibria-tunnel 8080:10.0.0.1:80,10.0.0.2:80   the same without a file
  equilibria-tunnel check -c tunnels.yaml          report every error of a configuration
  equilibria-tunnel status                         what runs, over its control socket
  equilibria-tunnel top                            … and how it goes, live
  equilibria-tunnel certs init                     make a development CA
  equilibria-tunnel certs server db.example.com    … and a certificate with it

Exit codes: 0 ok, 1 failed, 64 usage, 66 input file missing, 69 unavailable, 70 internal,
73 cannot bind or create, 77 no permission, 78 configuration error.`;

/** The command line without its commands. */
export function program(): Command {
  return new Command("equilibria-tunnel")
    .description("TLS-terminating secure tunnel proxy and TCP load balancer")
    .version(version(), "--version", "print the version")
    .helpOption("-h, --help", "print this help")
    .addHelpText("after", examples);
}

/**
 * Runs the command line and returns the exit code. Errors go to standard error: those meant for the user as they are,
 * any other with its stack.
 */
export async function runCommandLine(root: Command, argv: readonly string[]): Promise<number> {
  for (const command of family(root))
    command.exitOverride().showSuggestionAfterError().showHelpAfterError("(add --help for help)");
  try {
    await root.parseAsync([...argv]);
    return exit.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exit.ok : exit.usage;
    if (isBrokenPipe(error)) return exit.ok;
    const meant = error instanceof CliError;
    await complain(
      meant ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error),
    );
    return meant ? error.exitCode : exit.internal;
  }
}

/** Resolves when the text is written: the program is about to exit, and a pipe takes 64 KiB at a time. */
function complain(text: string): Promise<void> {
  return new Promise((resolve) => {
    process.stderr.write(`${text}\n`, () => resolve());
  });
}

/** Commander does not hand settings down to commands that were made elsewhere. */
function family(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(family)];
}
