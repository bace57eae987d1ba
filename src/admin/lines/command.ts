import type { TargetAdmin } from "../../core/backend.ts";

/** One command of Equilibria's control socket, read. Listeners and targets are still text. */
export type Command =
  | { readonly verb: "help" | "status" | "dump" | "serialize" | "reload" | "save" | "quit" }
  | { readonly verb: "examine"; readonly listener: string | undefined }
  | { readonly verb: "add"; readonly listener: string; readonly targets: readonly string[] }
  /** `kill`: connections end, too. No target stands for all of them. */
  | {
      readonly verb: "remove";
      readonly listener: string;
      readonly targets: readonly string[];
      readonly kill: boolean;
    }
  | {
      readonly verb: "set";
      readonly listener: string;
      readonly target: string;
      readonly change: { readonly admin: TargetAdmin } | { readonly weight: number | null };
    }
  | { readonly verb: "wrong"; readonly reply: string };

/** Lines that say what there is. */
export const helpText = `Commands:
  help                          this text
  status                        listener, target, connections and failures of each target
  add LISTENER TARGET[,TARGET]  add targets, and the listener if it is new; also LISTENER>>>TARGET
  del LISTENER [TARGET]         remove it and end its connections; also delete, remove, rm
  drain LISTENER [TARGET]       remove it and let its connections run out
  set LISTENER TARGET WORD      WORD is enabled, draining, disabled, or weight N
  dump                          everything, as JSON
  examine [LISTENER]            one listener, as JSON
  serialize                     the configuration, as JSON that a configuration file may hold
  reload                        read the configuration file anew
  save                          say how many changes are kept in the state file
  quit                          close this connection
A LISTENER is a port, an address:port, [v6]:port or the path of a unix socket.
The same socket speaks HTTP: GET /api/v1/status
`;

const synonyms: Readonly<Record<string, string>> = { delete: "del", remove: "del", rm: "del", exit: "quit" };
const simple = ["help", "status", "dump", "serialize", "reload", "save", "quit"] as const;

/** Reads a command as it was written, without its line's end. Verbs may be in any case. */
export function parseCommand(text: string): Command {
  const line = text.trim();
  const [word = "", ...rest] = line.split(/\s+/);
  const verb = synonyms[word.toLowerCase()] ?? word.toLowerCase();
  const plain = simple.find((one) => one === verb);
  if (plain !== undefined && rest.length === 0) return { verb: plain };
  switch (verb) {
    case "examine":
      return rest.length <= 1 ? { verb, listener: rest[0] } : unrecognized(line);
    case "add":
      return parseAdd(rest);
    case "del":
    case "drain":
      return parseRemove(rest, verb === "del");
    case "set":
      return parseSet(rest);
    default:
      return unrecognized(line);
  }
}

/** Equilibria's answer, on one line whatever was sent. */
function unrecognized(line: string): Command {
  const shown = line.slice(0, 200).replace(/\p{Cc}/gu, "\ufffd");
  return { verb: "wrong", reply: `Unrecognized command "${shown}"` };
}

function parseAdd(words: readonly string[]): Command {
  const { listener, targets } = parsePair(words);
  if (listener === undefined) return { verb: "wrong", reply: "ERR:  Unable to add listener." };
  if (targets.length === 0) return { verb: "wrong", reply: "ERR:  Unable to add target." };
  return { verb: "add", listener, targets };
}

function parseRemove(words: readonly string[], kill: boolean): Command {
  const { listener, targets } = parsePair(words);
  if (listener === undefined) return { verb: "wrong", reply: "ERR:  Not listening on port ." };
  return { verb: "remove", listener, targets, kill };
}

function parseSet(words: readonly string[]): Command {
  const [listener, target, what = "", value = ""] = words;
  const wrong: Command = {
    verb: "wrong",
    reply: "ERR:  Write set LISTENER TARGET enabled, draining, disabled, or weight N.",
  };
  if (listener === undefined || target === undefined) return wrong;
  const word = what.toLowerCase();
  if ((word === "enabled" || word === "draining" || word === "disabled") && words.length === 3)
    return { verb: "set", listener, target, change: { admin: word } };
  if (word !== "weight" || words.length !== 4) return wrong;
  if (value.toLowerCase() === "default") return { verb: "set", listener, target, change: { weight: null } };
  const weight = /^\d{1,4}$/.test(value) ? Number(value) : 0;
  return weight >= 1 && weight <= 1000 ? { verb: "set", listener, target, change: { weight } } : wrong;
}

/** `L T,T`, `L T T`, or `L>>>T,T` with any run of @, <, = and > between. */
function parsePair(words: readonly string[]): { listener: string | undefined; targets: string[] } {
  const [first, ...rest] = words
    .join(" ")
    .split(/\s*[@<=>]+\s*|\s+/)
    .filter((word) => word !== "");
  return { listener: first, targets: rest.flatMap((word) => word.split(",")).filter((word) => word !== "") };
}
