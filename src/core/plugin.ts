import { basename } from "node:path";
import type { z } from "zod";
import type { Balancer, Probe, Provider } from "./backend.ts";
import type { Negotiation } from "./negotiation.ts";

/** A thing that can be named in the configuration: a balancer, a probe, a provider, a negotiation. */
export interface Plugin<Product, Schema extends z.ZodObject = z.ZodObject> {
  /** The name in the configuration: lower case, digits and hyphens. */
  readonly name: string;
  /** Validates the options beside the name: a `z.strictObject`. */
  readonly options: Schema;
  /** Makes one instance per backend. Throws an Error with a message for the operator when it cannot. */
  create(options: z.output<Schema>): Product;
  /** The user's module that it came in; absent for what comes with the program. */
  readonly file?: string | undefined;
}

/** Thrown for one of the options by what is made of them: its place in the file is shown beside the message. */
export class OptionError<Option extends string = string> extends Error {
  override readonly name: string = "OptionError";
  /** Its key; dots lead into blocks and lists below. */
  readonly option: Option;

  constructor(option: Option, message: string, options?: ErrorOptions) {
    super(message, options);
    this.option = option;
  }
}

/** Gives the types of one plugin their inference; returns what it is given. */
export function definePlugin<Product, Schema extends z.ZodObject>(
  plugin: Plugin<Product, Schema>,
): Plugin<Product, Schema> {
  return plugin;
}

/** The same for a negotiation, whose functions then need not name their types. */
export function defineNegotiation<Schema extends z.ZodObject>(
  plugin: Plugin<Negotiation, Schema>,
): Plugin<Negotiation, Schema> {
  return plugin;
}

/** What can be named in a configuration, by role; the first of each is the default. */
export interface Plugins {
  readonly balancers: readonly Plugin<Balancer>[];
  readonly probes: readonly Plugin<Probe>[];
  readonly providers: readonly Plugin<Provider>[];
  /** What a frontend can speak before TLS, or inside it. */
  readonly serverNegotiations: readonly Plugin<Negotiation>[];
  /** What a backend can speak with a target. */
  readonly clientNegotiations: readonly Plugin<Negotiation>[];
}

/** What a user's module threw, in words, with the line where it did. */
export function explainFailure(error: unknown, file: string): string {
  if (!(error instanceof Error)) return `it threw a value of type ${typeof error} that is no Error`;
  const [, place] =
    new RegExp(`/${RegExp.escape(basename(file))}[^:/]*(:\\d+:\\d+)`).exec(error.stack ?? "") ?? [];
  return place === undefined ? error.message : `${error.message} (${basename(file)}${place})`;
}
