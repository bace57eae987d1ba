import { InvalidArgumentError } from "commander";
import { parseDuration } from "../core/units.ts";

/** Reads an option's `10m` into milliseconds. */
export function parseDurationOption(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (error instanceof RangeError) throw new InvalidArgumentError(`${error.message}.`);
    throw error;
  }
}
