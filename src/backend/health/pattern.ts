import { createContext, Script } from "node:vm";
import { z } from "zod";
import { errorCode } from "../../net/socket-error.ts";

/** Bytes of an answer that are looked at. */
export const longestAnswer = 64 * 1024;

/** Milliseconds that one check may spend in its pattern: a target must not be able to hold up everybody's sessions. */
const patience = 100;

/** A pattern in the file: plain text, or `/expression/flags`. It stays text, so that options remain plain data. */
export function pattern() {
  return z
    .string()
    .min(1)
    .superRefine((text, check) => {
      try {
        expressionOf(text);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        check.addIssue({ code: "custom", message: `not a regular expression: ${message}` });
      }
    })
    .meta({ description: "text that the answer must contain, or /expression/flags" });
}

/** Looks for a pattern in one answer, as often as more of it has come. */
export type Matcher = (answer: Buffer) => boolean;

/** @returns a function that makes a matcher for each check */
export function compilePattern(text: string): () => Matcher {
  const expression = expressionOf(text);
  if (!expression) return () => (answer) => answer.includes(text);
  // the one way to end an expression that backtracks for ever is to run it where V8 keeps the time
  const script = new Script("expression.test(text)");
  const scope = createContext({ expression, text: "" });
  return () => {
    let left = patience;
    return (answer) => {
      const started = performance.now();
      scope["text"] = answer.toString("utf8");
      try {
        return script.runInContext(scope, { timeout: Math.max(1, Math.floor(left)) }) === true;
      } catch (error) {
        if (errorCode(error) !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
        throw new Error(`${text} takes too long on this answer`, { cause: error });
      } finally {
        left -= performance.now() - started;
      }
    };
  };
}

/** The beginning of an answer, for a message. */
export function excerpt(answer: Buffer): string {
  const text = answer.toString("utf8", 0, 80);
  return answer.length > 60 ? `${JSON.stringify(text.slice(0, 60))}…` : JSON.stringify(text);
}

/** @throws SyntaxError */
function expressionOf(text: string): RegExp | undefined {
  const [, source, flags] = /^\/(.+)\/([a-z]*)$/s.exec(text) ?? [];
  if (source === undefined || flags === undefined) return undefined;
  if (/[^imsuv]/.test(flags))
    throw new SyntaxError(`of "${flags}" only the flags i, m, s, u and v exist here`);
  return new RegExp(source, flags);
}
