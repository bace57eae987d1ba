/** How a session ended: the closed list that log, metrics and admin API share. */
export const outcomes = [
  "completed",
  "client-reset",
  "target-reset",
  "refused",
  "limited",
  "bad-preamble",
  "handshake-failed",
  "no-route",
  "no-target",
  "connect-failed",
  "idle-timeout",
  "lifetime",
  "drained",
  "killed",
  "internal-error",
] as const;

export type Outcome = (typeof outcomes)[number];

/** The only error thrown on purpose while a session runs: it says how the session ends. */
export class SessionError extends Error {
  readonly outcome: Outcome;
  /** One of few words for the cause: a metric's label, never a peer's text. */
  readonly label: string | undefined;

  constructor(outcome: Outcome, message: string, options?: ErrorOptions & { readonly label?: string }) {
    super(message, options);
    this.name = "SessionError";
    this.outcome = outcome;
    this.label = options?.label;
  }
}

/** What happened, in words, without the outcome: the log's `reason`. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(reasonOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}
