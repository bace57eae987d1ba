import { dirname } from "node:path";
import type { ChangeOptions, ConfigChange, Control, ReloadResult } from "../../core/control.ts";
import type { Status, TunnelStatus } from "../../core/status.ts";
import { type Command, helpText } from "./command.ts";
import { listenerPlace, type Place, targetPlace } from "./places.ts";
import { asJson, explained, notListening, statusText } from "./replies.ts";

export interface LineContext {
  readonly control: Control;
  /** Where live changes are kept; undefined when they are not. */
  readonly stateFile: string | undefined;
}

const options: ChangeOptions = { by: "unix" };

/** Does what a command says; resolves with the reply, which ends with a line's end unless it is empty. */
export async function execute(command: Command, context: LineContext): Promise<string> {
  const { control } = context;
  switch (command.verb) {
    case "help":
      return helpText;
    case "quit":
      return "";
    case "wrong":
      return `${command.reply}\n`;
    case "status":
      return statusText(await control.status());
    case "dump":
      return asJson(await control.status());
    case "serialize":
      return asJson((await control.document()).document);
    case "examine":
      return examine(command.listener, control);
    case "reload":
      return outcome(await control.reload(options), (generation) => `Reloaded, generation ${generation}.`);
    case "save":
      return save(context);
    case "add":
      return add(command, control);
    case "remove":
      return remove(command, control);
    case "set":
      return set(command, control);
  }
}

async function examine(listener: string | undefined, control: Control): Promise<string> {
  const status = await control.status();
  if (listener === undefined) return asJson(status.tunnels);
  const found = find(listener, status);
  return found.tunnel ? asJson(found.tunnel) : notListening(found.shown);
}

async function save({ control, stateFile }: LineContext): Promise<string> {
  const { length } = await control.overlay();
  const count = length === 1 ? "1 change" : `${length} changes`;
  return stateFile === undefined
    ? "ERR:  Nothing is kept: the configuration has no admin.state.\n"
    : `Saved: ${count} in ${stateFile}.\n`;
}

async function add(
  { listener, targets }: Extract<Command, { verb: "add" }>,
  control: Control,
): Promise<string> {
  let reply = "";
  for (const text of targets) {
    const status = await control.status();
    const found = find(listener, status);
    if (!found.place) return `${reply}ERR:  Unable to add listener.\n`;
    const target = readTarget(text, found.place, status);
    if (!target) {
      reply += "ERR:  Unable to add target.\n";
      continue;
    }
    const result = await control.change(
      found.tunnel
        ? { kind: "put-target", tunnel: found.tunnel.name, key: target.text, block: { address: target.text } }
        : newTunnel(found.place, target, status),
      options,
    );
    if (result.ok) reply += `Added:  ${found.shown} -> ${target.shown}\n`;
    else reply += `ERR:  Unable to add ${found.tunnel ? "target" : "listener"}.\n${explained(result)}`;
  }
  return reply;
}

/** Equilibria's way of choosing is the one that weighs errors. */
function newTunnel(listener: Place, target: Place, { tunnels }: Status): ConfigChange {
  const wanted = `line-${listener.shown
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")}`;
  const taken = new Set(tunnels.map(({ name }) => name));
  let name = wanted.slice(0, 60);
  for (let count = 2; taken.has(name); count++) name = `${wanted.slice(0, 56)}-${count}`;
  const block = {
    frontend: listener.text,
    backend: { targets: [target.text], balance: "error-weighted" },
  };
  return { kind: "put-tunnel", name, block };
}

async function remove(
  { listener, targets, kill }: Extract<Command, { verb: "remove" }>,
  control: Control,
): Promise<string> {
  const status = await control.status();
  const { tunnel, place, shown } = find(listener, status);
  if (!tunnel || !place) return notListening(shown);
  if (targets.length === 0) return removeListener({ tunnel, place, kill }, control);
  let reply = "";
  let left = tunnel.targets.map(({ key }) => key);
  for (const text of targets) {
    const target = readTarget(text, place, status);
    if (!target || !left.includes(target.text)) {
      reply += `ERR:  Target ${target?.shown ?? text} does not exist for ${shown}.\n`;
      continue;
    }
    // with its last target a listener goes, as Equilibria has it
    if (left.length === 1) return reply + (await removeListener({ tunnel, place, kill }, control));
    const change = { kind: "delete-target", tunnel: tunnel.name, key: target.text } as const;
    const result = await control.change(change, options);
    if (!result.ok) reply += explained(result);
    else {
      if (kill)
        await killSessions(
          control,
          (session) => session.tunnel === tunnel.name && session.target === target.text,
        );
      left = left.filter((key) => key !== target.text);
      reply += `Target ${target.shown} deleted.\n`;
    }
  }
  return reply;
}

async function removeListener(
  { tunnel, place, kill }: { tunnel: TunnelStatus; place: Place; kill: boolean },
  control: Control,
): Promise<string> {
  const others = tunnel.listeners.filter((listener) => listener !== place.text);
  const { name } = tunnel;
  const change: ConfigChange =
    others.length === 0
      ? { kind: "delete-tunnel", name }
      : { kind: "patch-tunnel", name, block: { frontend: { listen: others } } };
  const result = await control.change(change, options);
  if (!result.ok) return explained(result);
  if (kill)
    await killSessions(
      control,
      (session) => session.tunnel === name && (others.length === 0 || session.local === place.text),
    );
  return `Listener ${place.shown} deleted.\n`;
}

async function killSessions(
  control: Control,
  matches: (session: { tunnel: string; target: string | undefined; local: string }) => boolean,
): Promise<void> {
  const sessions = await control.sessions();
  await Promise.all(sessions.filter(matches).map(({ id }) => control.killSession(id)));
}

async function set(
  { listener, target: text, change }: Extract<Command, { verb: "set" }>,
  control: Control,
): Promise<string> {
  const status = await control.status();
  const { tunnel, place, shown } = find(listener, status);
  if (!tunnel || !place) return notListening(shown);
  const target = readTarget(text, place, status);
  const done =
    target && (await control.setTarget({ tunnel: tunnel.name, key: target.text }, change, options));
  if (!done) return `ERR:  Target ${target?.shown ?? text} does not exist for ${shown}.\n`;
  return `Target ${target.shown}: ${done.admin}, weight ${done.weight}.\n`;
}

interface Found {
  readonly shown: string;
  /** Undefined when it is no address. */
  readonly place: Place | undefined;
  readonly tunnel: TunnelStatus | undefined;
}

function find(listener: string, status: Status): Found {
  try {
    const place = listenerPlace(listener, folderOf(status));
    const tunnel = status.tunnels.find(({ listeners }) => listeners.includes(place.text));
    return { shown: place.shown, place, tunnel };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { shown: listener, place: undefined, tunnel: undefined };
  }
}

function readTarget(text: string, listener: Place, status: Status): Place | undefined {
  try {
    return targetPlace(text, listener.address, folderOf(status));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return undefined;
  }
}

/** Where relative paths start, as in the configuration. */
function folderOf({ file }: Status): string {
  return file === undefined ? process.cwd() : dirname(file);
}

function outcome(result: ReloadResult, say: (generation: number) => string): string {
  return result.ok ? `${say(result.generation)}\n` : explained(result);
}
