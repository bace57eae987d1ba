import { type IncomingMessage, request } from "node:http";
import type { ControlEvent, LogLevel, OverlayEntry, ReloadResult, TargetChange } from "../core/control.ts";
import type { SessionStatus, Status, TargetStatus, TunnelStatus } from "../core/status.ts";
import { EventStream } from "../protocol/event-stream.ts";
import { CliError, exit } from "./cli-error.ts";

interface Asking {
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  /** Milliseconds for the whole answer. */
  readonly patience?: number;
}

interface Opening {
  readonly signal: AbortSignal;
  readonly body?: unknown;
  /** Milliseconds after which the signal fires. */
  readonly wait?: number;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

type Applied = Extract<ReloadResult, { readonly ok: true }>;

/** Milliseconds. */
const patience = 10_000;
/** Milliseconds for what reads and checks a whole configuration. */
const longPatience = 120_000;
/** Bytes of one answer. */
const largest = 256 * 1024 * 1024;
/** Milliseconds without a sign of life, of which the server sends one every 10 s, after which it counts as gone. */
const silence = 45_000;

/** Nobody answers at the control socket. */
export class Unreachable extends CliError {
  override readonly name = "Unreachable";
}

/** Asks and tells a running program over its control socket. Every method throws a CliError with what to do. */
export class ControlClient {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  status(): Promise<Status> {
    return this.#read("GET", "/api/v1/status");
  }

  tunnel(name: string): Promise<TunnelStatus> {
    return this.#read("GET", `/api/v1/tunnels/${encodeURIComponent(name)}`);
  }

  setTarget(
    place: { readonly tunnel: string; readonly key: string },
    change: TargetChange,
  ): Promise<TargetStatus> {
    const [tunnel, key] = [place.tunnel, place.key].map(encodeURIComponent);
    return this.#read("POST", `/api/v1/tunnels/${tunnel}/targets/${key}`, { body: change });
  }

  sessions(tunnel?: string): Promise<readonly SessionStatus[]> {
    return this.#read("GET", "/api/v1/sessions", { query: { tunnel } });
  }

  async killSession(id: string): Promise<void> {
    await this.#ask("DELETE", `/api/v1/sessions/${encodeURIComponent(id)}`);
  }

  overlay(): Promise<readonly OverlayEntry[]> {
    return this.#read("GET", "/api/v1/overlay");
  }

  dropOverlay(path: string | undefined, { dryRun }: { readonly dryRun: boolean }): Promise<Applied> {
    const query = { path, dryRun: dryRun ? "true" : undefined };
    return this.#read("DELETE", "/api/v1/overlay", { query, patience: longPatience });
  }

  reload({ dryRun }: { readonly dryRun: boolean }): Promise<Applied> {
    const query = { dryRun: dryRun ? "true" : undefined };
    return this.#read("POST", "/api/v1/reload", { query, patience: longPatience });
  }

  async drain(deadlineMs: number | undefined): Promise<void> {
    await this.#ask("POST", "/api/v1/drain", { body: { deadlineMs } });
  }

  async stop(): Promise<void> {
    await this.#ask("POST", "/api/v1/stop");
  }

  /** The new process may take a while to get ready. */
  async upgrade(): Promise<{ readonly pid: number }> {
    return this.#read("POST", "/api/v1/upgrade", { patience: longPatience });
  }

  logLevel(): Promise<{ readonly level: LogLevel }> {
    return this.#read("GET", "/api/v1/log");
  }

  setLogLevel(level: LogLevel, forMs: number | undefined): Promise<{ readonly level: LogLevel }> {
    return this.#read("PUT", "/api/v1/log", { body: { level, forMs } });
  }

  /** Whether the program works, or is ready for connections; and what it says. */
  async probe(path: "/healthz" | "/readyz", milliseconds: number): Promise<{ ok: boolean; said: string }> {
    const { status, text } = await this.#exchange("GET", path, { patience: milliseconds });
    return { ok: status === 200, said: text.trim() };
  }

  /**
   * What happens from now on. Ends when the program does, or the signal fires; throws when it cannot be reached.
   *
   * @param onOpen called once events are being told
   */
  async *events(signal: AbortSignal, onOpen = () => {}): AsyncIterable<ControlEvent> {
    const response = await this.#open("GET", "/api/v1/events", { signal });
    if (response.statusCode !== 200) throw refusal(await read(response), this.#socket);
    onOpen();
    response.socket.setTimeout(silence, () => response.destroy());
    const stream = new EventStream();
    try {
      for await (const text of response.setEncoding("utf8"))
        for (const data of stream.push(String(text))) yield JSON.parse(data) as ControlEvent;
    } catch (error) {
      // cut off: its end is told no other way when the program is killed
      if (error instanceof RangeError || error instanceof SyntaxError) throw error;
    } finally {
      response.destroy();
    }
  }

  async #read<Body>(method: string, path: string, asking: Asking = {}): Promise<Body> {
    const { text } = await this.#ask(method, path, asking);
    try {
      return JSON.parse(text) as Body;
    } catch (cause) {
      throw new CliError(exit.failed, `${this.#socket} does not answer as equilibria-tunnel does`, { cause });
    }
  }

  /** An answer that says yes. */
  async #ask(method: string, path: string, asking: Asking = {}): Promise<Answer> {
    const answer = await this.#exchange(method, path, asking);
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw refusal(answer, this.#socket);
  }

  async #exchange(method: string, path: string, { query = {}, body, patience: wait = patience }: Asking) {
    const signal = AbortSignal.timeout(wait);
    const given = Object.entries(query).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    );
    const search = given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
    try {
      return await read(await this.#open(method, path + search, { signal, body, wait }));
    } catch (error) {
      throw error instanceof CliError ? error : unreachable(error, { socket: this.#socket, wait });
    }
  }

  /** Resolves with the head of the answer. */
  #open(method: string, path: string, { signal, body, wait = patience }: Opening): Promise<IncomingMessage> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = {
      host: "localhost",
      accept: "application/json, text/event-stream, text/plain",
      ...(text === undefined
        ? {}
        : { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)) }),
    };
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath: this.#socket, agent: false, method, path, headers, signal });
      asked.on("error", (error) => reject(unreachable(error, { socket: this.#socket, wait })));
      asked.once("response", resolve);
      asked.end(text);
    });
  }
}

async function read(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    length += (chunk as Buffer).length;
    if (length > largest) throw new CliError(exit.failed, `the answer is larger than ${largest} bytes`);
    chunks.push(chunk as Buffer);
  }
  return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") };
}

/** What the server says against it. */
function refusal({ status, text }: Answer, socket: string): CliError {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    if (typeof message === "string") return new CliError(exit.failed, message);
  } catch {
    // not one of ours
  }
  return new CliError(
    exit.failed,
    `${socket} answers with HTTP status ${status}, not as equilibria-tunnel does`,
  );
}

function unreachable(error: unknown, { socket, wait }: { socket: string; wait: number }): CliError {
  if (error instanceof CliError) return error;
  const { code, name, message } = error as NodeJS.ErrnoException;
  const remedy =
    "is it running, with admin: { socket: … } in its configuration? Say where its control socket is with -c FILE or --socket PATH";
  if (code === "EACCES" || code === "EPERM")
    return new CliError(
      exit.noPermission,
      `${socket}: no permission; ask as the user that the program runs as, or widen admin.mode`,
      { cause: error },
    );
  if (name === "AbortError" || name === "TimeoutError")
    return new Unreachable(exit.unavailable, `${socket}: no answer within ${wait / 1000} s`, {
      cause: error,
    });
  const reason =
    code === "ENOENT"
      ? "there is no such socket"
      : code === "ECONNREFUSED"
        ? "nobody listens there any more"
        : message;
  return new Unreachable(exit.unavailable, `${socket}: ${reason}; ${remedy}`, { cause: error });
}
