import type { ClientTlsOptions } from "../../tls/options.ts";
import type { Failure } from "./peer.ts";
import type { Remedy } from "./remedies.ts";

/** A backend's `tls`, as a configuration writes it. */
export type WrittenTls = Readonly<Record<string, unknown>>;

/** The `tls` of a backend that gets on with the peer. */
export interface Suggestion {
  readonly tls: WrittenTls;
  /** Whether a connection was made with just these options; otherwise they name files that are not there yet. */
  readonly tried: boolean;
}

export interface SuggestionOptions {
  readonly failure: Failure | undefined;
  /** What can be done about a failure. */
  remedies(failure: Failure): readonly Remedy[];
  parse(tls: WrittenTls): ClientTlsOptions;
  attempt(options: ClientTlsOptions): Promise<Failure | undefined>;
}

/** One remedy shows the next fault; more than these are not followed. */
const mostRemedies = 4;

/**
 * Changes the options until a backend gets on with the peer, as the remedies say.
 *
 * @returns undefined when words alone can help
 */
export async function suggest(
  given: WrittenTls,
  { failure: first, remedies, parse, attempt }: SuggestionOptions,
): Promise<Suggestion | undefined> {
  let failure = first;
  let tls = given;
  for (let round = 0; round < mostRemedies && failure; round++) {
    const remedy = remedies(failure).find((one) => one.tls !== undefined);
    if (!remedy) return undefined;
    tls = { ...tls, ...remedy.tls };
    if (remedy.needsFile) return { tls: defined(tls), tried: false };
    failure = await attempt(parse(defined(tls)));
  }
  return failure ? undefined : { tls: defined(tls), tried: true };
}

/** A remedy takes an option away by giving it as undefined. */
function defined(tls: WrittenTls): WrittenTls {
  return Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
}
