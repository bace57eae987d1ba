import type { Socket } from "node:net";
import type { AdminWrite } from "../../core/events.ts";
import { reasonOf } from "../../core/outcome.ts";
import { type Command, parseCommand } from "./command.ts";
import { execute, type LineContext } from "./execute.ts";

export interface SpeakOptions extends LineContext {
  /** Called once for every command that could have changed something. */
  readonly audit: (write: AdminWrite) => void;
}

/** Bytes of one command. */
const longest = 64 * 1024;
/**
 * Milliseconds after which a command without a line's end counts as complete: Equilibria took each read for one command,
 * so its clients send none.
 */
const pause = 50;
/** Milliseconds without a command, or with a reply that is not read. */
const patience = 5 * 60_000;
/** Connections at one time; the oldest makes room. */
const mostConnections = 16;

/** Commands of one connection that are read before the first is done. */
const mostWaiting = 16;

/** Speaks the line protocol with anybody; commands of one connection are done one after the other. */
export function lineSpeaker(options: SpeakOptions): (socket: Socket, seen: Buffer) => void {
  const open = new Set<Socket>();
  return (socket, seen) => {
    if (open.size >= mostConnections) open.values().next().value?.destroy();
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    socket.on("error", () => {});
    socket.setTimeout(patience, () => socket.destroy());
    speak(socket, seen, options);
  };
}

function speak(socket: Socket, seen: Buffer, options: SpeakOptions): void {
  let rest = "";
  let queue = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let waiting = 0;
  const take = (text: string) => {
    if (text.trim() === "") return;
    // whoever sends faster than we answer has to wait
    if (++waiting >= mostWaiting) socket.pause();
    queue = queue.then(async () => {
      if (!socket.destroyed && !(await answer(socket, text, options))) socket.end();
      if (--waiting < mostWaiting) socket.resume();
    });
  };
  const onData = (chunk: Buffer) => {
    clearTimeout(timer);
    const lines = (rest + chunk.toString("utf8")).split(/\r?\n/);
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
    if (rest.length > longest) return void socket.destroy();
    if (rest !== "") timer = setTimeout(flush, pause);
  };
  const flush = () => {
    const line = rest;
    rest = "";
    take(line);
  };
  const onEnd = () => {
    clearTimeout(timer);
    flush();
    queue = queue.then(() => void socket.end());
  };
  socket.on("data", onData);
  socket.once("end", onEnd);
  socket.once("close", () => clearTimeout(timer));
  if (seen.length > 0) onData(seen);
  if (socket.readableEnded) onEnd();
  socket.resume();
}

/** False when the other side wants no more. */
async function answer(socket: Socket, text: string, options: SpeakOptions): Promise<boolean> {
  const command = parseCommand(text);
  if (command.verb === "quit") return false;
  let reply: string;
  try {
    reply = await execute(command, options);
  } catch (error) {
    reply = `ERR:  ${reasonOf(error)}\n`;
  }
  if (changes(command))
    options.audit({
      ...{ peer: "unix", name: undefined, role: "admin", method: "LINE" },
      path: text.trim().slice(0, 200),
      status: reply.startsWith("ERR:") ? 400 : 200,
    });
  if (!socket.write(reply)) await drained(socket);
  return true;
}

function changes({ verb }: Command): boolean {
  return verb === "add" || verb === "remove" || verb === "set" || verb === "reload";
}

/** A reader that takes nothing gets no further reply made. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      socket.off("drain", settle);
      socket.off("close", settle);
      resolve();
    };
    socket.once("drain", settle);
    socket.once("close", settle);
  });
}
