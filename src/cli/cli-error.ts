/** Exit codes, from sysexits.h where it has one: part of the contract, never renumbered. */
export const exit = {
  ok: 0,
  /** The operation asked for failed. */
  failed: 1,
  usage: 64,
  noInput: 66,
  unavailable: 69,
  internal: 70,
  cannotCreate: 73,
  noPermission: 77,
  config: 78,
} as const;

/** Ends a command: the message goes to standard error without a stack, the code to the shell. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CliError";
    this.exitCode = exitCode;
  }
}
