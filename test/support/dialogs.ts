/** Targets and clients that talk in lines: what the tests of the programs that this one unites are made of. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface AnsweringTarget extends AsyncDisposable {
  readonly port: number;
  /** Stops listening and ends every connection. */
  stop(): Promise<void>;
}

/** Answers each line with the line that `answer` makes of it. */
export async function startAnswering(
  answer: (line: string) => string,
  { port = 0 }: { readonly port?: number } = {},
): Promise<AnsweringTarget> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
    onLines(socket, (line) => socket.write(`${answer(line)}\n`));
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const stop = async () => {
    if (!server.listening) return;
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  };
  return { port: (server.address() as AddressInfo).port, stop, [Symbol.asyncDispose]: stop };
}

/** Targets that answer everything with their name: `target-1`, `target-2` and so on. */
export async function startNamedTargets(count: number): Promise<AnsweringTarget[] & AsyncDisposable> {
  const targets = await Promise.all(
    Array.from({ length: count }, (_, index) => startAnswering(() => `target-${index + 1}`)),
  );
  return Object.assign(targets, {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(targets.map((target) => target.stop()));
    },
  });
}

/** One connection, on which one line is said and one is answered, again and again. */
export interface Dialog extends Disposable {
  /** Rejects when the connection ends without an answer. */
  ask(line: string): Promise<string>;
}

/** @param from another address of this machine's, such as 127.0.0.2, to come from */
export async function openDialog(port: number, from = "127.0.0.1"): Promise<Dialog> {
  const socket = connect({ host: "127.0.0.1", port, localAddress: from });
  await once(socket, "connect");
  const answers: string[] = [];
  let wake = () => {};
  let ended = false;
  onLines(socket, (line) => {
    answers.push(line);
    wake();
  });
  const end = () => {
    ended = true;
    wake();
  };
  socket.on("end", end).on("error", end).on("close", end);
  return {
    ask: async (line) => {
      socket.write(`${line}\n`);
      for (;;) {
        const answer = answers.shift();
        if (answer !== undefined) return answer;
        if (ended) throw new Error(`no answer to ${line}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    [Symbol.dispose]: () => socket.destroy(),
  };
}

/** Asks once on a connection of its own. */
export async function askOnce(port: number, from?: string): Promise<string> {
  using dialog = await openDialog(port, from);
  return await dialog.ask("testing");
}

/** The answers to this many connections, one after the other. */
export async function askInTurn(port: number, count: number): Promise<string[]> {
  const answers: string[] = [];
  while (answers.length < count) answers.push(await askOnce(port));
  return answers;
}

function onLines(socket: Socket, act: (line: string) => void): void {
  let rest = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) act(line);
  });
}
