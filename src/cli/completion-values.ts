import { ControlClient } from "./control-client.ts";
import { usualSocket } from "./control-socket.ts";

/** What may stand for an argument, by its command and name: `target set tunnel`. */
export type Values = ReadonlyMap<string, readonly string[]>;

/** Milliseconds: somebody waits with a finger on the key. */
const patience = 500;

/** Names that only the running program knows: offered when it can be reached at once. */
export async function liveValues(words: readonly string[]): Promise<Values> {
  const [command = ""] = words;
  const values = new Map<string, readonly string[]>();
  if (!/^(tunnels|targets|sessions|target|session)$/.test(command)) return values;
  const control = new ControlClient(socketIn(words));
  const deadline = new Promise<undefined>((resolve) => {
    setTimeout(() => resolve(undefined), patience).unref();
  });
  try {
    if (command === "session") {
      const sessions = await Promise.race([control.sessions(), deadline]);
      values.set("session kill ids", sessions?.map(({ id }) => id) ?? []);
      return values;
    }
    const tunnels = (await Promise.race([control.status(), deadline]))?.tunnels ?? [];
    const names = tunnels.map(({ name }) => name);
    for (const place of ["tunnels tunnel", "targets tunnel", "sessions tunnel", "target set tunnel"])
      values.set(place, names);
    const chosen = tunnels.find(({ name }) => words.slice(2).includes(name));
    values.set("target set target", chosen?.targets.map(({ key }) => key) ?? []);
  } catch {
    // nothing runs: there is nothing to offer
  }
  return values;
}

function socketIn(words: readonly string[]): string {
  const at = words.indexOf("--socket");
  return (at < 0 ? process.env["EQUILIBRIA_SOCKET"] : words[at + 1]) || usualSocket;
}
