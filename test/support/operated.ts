/** A running program with a control socket, and the commands that talk to it. */
import { type CommandResult, command } from "./command.ts";
import { type Reloadable, startReloadable } from "./reloadable.ts";

export interface Operated extends Reloadable {
  readonly socket: string;
  /** Runs a command against this program. */
  operate(...args: readonly string[]): Promise<CommandResult>;
}

/** Starts the program with this configuration, which has no `admin` block yet. */
export async function startOperated(yaml: string): Promise<Operated> {
  const program = await startReloadable(
    `admin: { socket: run/control.sock, state: run/state.json }\n${yaml}`,
  );
  const socket = program.path("run/control.sock");
  return { ...program, socket, operate: (...args) => command([...args, "--socket", socket]) };
}
