import { z } from "zod";
import { type Address, parseAddress } from "./address.ts";
import { parseNetwork } from "./network.ts";
import { parseDuration, parseRate, parseSize } from "./units.ts";

/** What a block's schema must know of the file that it stands in. */
export interface SchemaContext {
  /** Turns a path relative to the file into an absolute one. */
  resolvePath(path: string): string;
}

/** A duration in the file, milliseconds in the program; `0` means never where a page says so. */
export function duration(range: { readonly min?: number } = {}) {
  const min = range.min ?? 0;
  return z
    .union([z.string(), z.literal(0)])
    .transform(reading((text) => atLeast(parseDuration(String(text)), min)))
    .meta({ title: "duration", description: "a duration such as 500ms, 5s, 1m30s or 12h" });
}

/** A size in the file, bytes in the program. */
export function size() {
  return z
    .union([z.string(), z.int().nonnegative()])
    .transform(reading((text) => parseSize(String(text))))
    .meta({ title: "size", description: "a size such as 512, 64k, 16M or 1G" });
}

/** How often something may happen, as a count in so many milliseconds. */
export function rate() {
  return z
    .string()
    .transform(reading(parseRate))
    .meta({ title: "rate", description: "a rate such as 100/s, 600/m or 5000/h" });
}

/** Where to listen: a bare port means every interface. */
export function listenAddress(context: SchemaContext) {
  return address(context, { defaultHost: "0.0.0.0", lowestPort: 0 }).meta({
    title: "address",
    description: "where to listen: port, host:port, [v6]:port or unix:/path",
  });
}

/** Where to connect to: a bare port means this machine. */
export function targetAddress(context: SchemaContext) {
  return address(context, { defaultHost: "127.0.0.1", lowestPort: 1 }).meta({
    title: "address",
    description: "where to connect to: port, host:port, [v6]:port or unix:/path",
  });
}

/** A network of peers; its canonical text in the program, for `networkList`. */
export function network() {
  return z.string().transform(reading(parseNetwork)).meta({
    title: "network",
    description: "a network such as 10.0.0.0/8 or 2001:db8::/32, a single address, or unix for unix sockets",
  });
}

/** A path in the file, absolute in the program. */
export function filePath(context: SchemaContext) {
  return z
    .string()
    .min(1)
    .refine((path) => !path.includes("\0"), "a path holds no NUL byte")
    .transform((path) => context.resolvePath(path))
    .meta({ title: "path", description: "a file, relative to the configuration file that names it" });
}

/** Permission bits of a unix socket, as an octal string. */
export function unixMode() {
  return z
    .string()
    .regex(/^0?[0-7]{3}$/, 'write the mode as an octal string, for example "0660"')
    .transform((mode) => Number.parseInt(mode, 8))
    .prefault("0600")
    .meta({ description: "permissions of unix sockets; they are their only protection" });
}

/** A name of ours: a tunnel, a backend, a token. */
export function name() {
  return z
    .string()
    .regex(
      /^[a-z0-9][a-z0-9._-]{0,62}$/,
      "a name starts with a-z or 0-9 and goes on with a-z, 0-9, '.', '_' or '-', 63 at most",
    );
}

function address(
  context: SchemaContext,
  options: { readonly defaultHost: string; readonly lowestPort: number },
) {
  return z.union([z.string(), z.int()]).transform(
    reading((text): Address => {
      const parsed = parseAddress(String(text), options.defaultHost);
      if (parsed.kind === "unix") return { kind: "unix", path: context.resolvePath(parsed.path) };
      if (parsed.port < options.lowestPort)
        throw new RangeError(`"${text}": nothing can be reached at port 0`);
      return parsed;
    }),
  );
}

function atLeast(milliseconds: number, min: number): number {
  if (milliseconds < min) throw new RangeError(`the shortest value here is ${min}ms`);
  return milliseconds;
}

/** Makes a zod transform of a parser that throws RangeError. */
function reading<Input, Output>(parse: (input: Input) => Output) {
  return (input: Input, context: z.RefinementCtx): Output => {
    try {
      return parse(input);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
      return z.NEVER;
    }
  };
}
