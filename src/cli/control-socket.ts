import { dirname, resolve } from "node:path";
import { Command } from "commander";
import { CliError, exit } from "./cli-error.ts";
import type { ControlClient } from "./control-client.ts";

/** The options of every command that talks to a running program. */
export interface ControlOptions {
  /** `-c FILE` */
  readonly config?: string;
  readonly socket?: string;
  readonly json?: boolean;
}

/** Where the control socket is when nobody says otherwise, in the working directory. */
export const usualSocket = "run/control.sock";

/** A command that talks to a running program. */
export function controlCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option("-c, --config <file>", "the configuration of the running program: its admin.socket is asked")
    .option("--socket <path>", `its control socket (default: $EQUILIBRIA_SOCKET or ${usualSocket})`)
    .option("--json", "print JSON");
}

/** The running program that the options of a command name. HTTP is loaded only by those who speak it. */
export async function controlOf(command: Command): Promise<ControlClient> {
  // the program has a -c of its own, which may have taken ours
  const { socket, config }: ControlOptions = command.optsWithGlobals();
  const path =
    socket ??
    (config === undefined ? process.env["EQUILIBRIA_SOCKET"] || usualSocket : await socketOf(config));
  // sockaddr_un holds 108 bytes with the closing NUL (unix(7))
  if (Buffer.byteLength(path) > 107)
    throw new CliError(exit.usage, `${path}: a unix socket path has at most 107 bytes`);
  const { ControlClient } = await import("./control-client.ts");
  return new ControlClient(path);
}

/**
 * Only this one line of the file is looked at: a file that is being edited, and has errors elsewhere, must not keep an
 * operator from the program that runs.
 */
async function socketOf(file: string): Promise<string> {
  const { readConfigFile } = await import("../config/read.ts");
  const { InputError } = await import("../config/diagnostics.ts");
  const { valueAt } = await import("../config/source.ts");
  let data: unknown;
  try {
    data = readConfigFile(file, process.env).data;
  } catch (error) {
    if (error instanceof InputError) throw new CliError(exit.noInput, error.message, { cause: error });
    throw error;
  }
  if (data === undefined)
    throw new CliError(
      exit.config,
      `${file} cannot be read (equilibria-tunnel check says why); give --socket PATH`,
    );
  const socket = valueAt(data, ["admin", "socket"]);
  if (typeof socket === "string" && socket !== "") return resolve(dirname(file), socket);
  throw new CliError(
    exit.unavailable,
    `${file} has no admin.socket, so what runs with it cannot be asked; add admin: { socket: ${usualSocket} } and start it anew`,
  );
}
