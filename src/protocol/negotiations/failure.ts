import { SessionError } from "../../core/outcome.ts";

/** A target that does not agree. What it says is quoted, but not at length. */
export function declined(what: string, answer: string): SessionError {
  const quoted = JSON.stringify(answer.slice(0, 120));
  return new SessionError("handshake-failed", `${what}: ${quoted}`, { label: "negotiation" });
}

/** A client that does something else than the dialogue allows. */
export function unwelcome(reason: string): SessionError {
  return new SessionError("bad-preamble", reason, { label: "negotiation" });
}
