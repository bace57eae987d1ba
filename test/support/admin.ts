/** The admin API of a running program, asked as its users do: with curl, over the control socket. */
import { connect } from "node:net";
import type { InstanceOptions } from "./instance.ts";
import { run } from "./program.ts";
import { type Reloadable, startReloadable } from "./reloadable.ts";

export interface Answer<Body = unknown> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** What the text is as JSON. */
  readonly body: Body;
}

export interface Asking {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
}

export interface Administered extends Reloadable {
  readonly socket: string;
  /** HOST:PORT of the API on TCP; empty where there is none. */
  readonly http: string;
  ask<Body = unknown>(method: string, path: string, asking?: Asking): Promise<Answer<Body>>;
  /** Sends a command of the line protocol, and resolves with everything that is answered. */
  say(command: string): Promise<string>;
}

/** Starts the program with `admin.socket` and `admin.state` beside the configuration, unless it has its own `admin`. */
export async function startAdministered(
  yaml: string,
  files: Readonly<Record<string, string | Buffer>> = {},
  options: InstanceOptions = {},
): Promise<Administered> {
  const text = /^admin:/m.test(yaml)
    ? yaml
    : `admin: { socket: run/control.sock, state: run/state.json }\n${yaml}`;
  const program = await startReloadable(text, files, options);
  const socket = program.path("run/control.sock");
  const ready = program.instance.lines.find(({ event }) => event === "ready");
  const admin = (ready?.["admin"] ?? []) as readonly string[];
  return {
    ...program,
    socket,
    http: admin.find((address) => !address.startsWith("unix:")) ?? "",
    ask: (method, path, asking) =>
      ask(method, `http://localhost${path}`, {
        ...asking,
        args: ["--unix-socket", socket, ...(asking?.args ?? [])],
      }),
    say: (command) => say(socket, command),
  };
}

/** One request by curl. */
export async function ask<Body = unknown>(
  method: string,
  url: string,
  { body, headers = {}, args = [] }: Asking = {},
): Promise<Answer<Body>> {
  const given = Object.entries(
    body === undefined ? headers : { "Content-Type": "application/json", ...headers },
  );
  const { text, code } = await run(
    "curl",
    [
      ...["-sS", "-i", "--path-as-is", "-H", "Expect:", "-g", "-X", method, "--max-time", "30"],
      ...given.flatMap(([name, value]) => ["-H", `${name}: ${value}`]),
      ...(body === undefined ? [] : ["--data-binary", "@-"]),
      ...args,
      url,
    ],
    body === undefined ? {} : { input: typeof body === "string" ? body : JSON.stringify(body) },
  );
  const [head = "", ...rest] = text.split("\r\n\r\n");
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]);
  if (!(status > 0)) throw new Error(`curl ended with ${code}: ${text}`);
  const answered = rest.join("\r\n\r\n");
  return {
    status,
    headers: Object.fromEntries(
      head.split("\r\n").flatMap((line) => {
        const [name, value] = line.split(/: (.*)/s);
        return name === undefined || value === undefined ? [] : [[name.toLowerCase(), value]];
      }),
    ),
    text: answered,
    get body() {
      return JSON.parse(answered) as Body;
    },
  };
}

/** As `socat - UNIX:…` would: one command without a line's end, and the end of our side. */
function say(path: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let reply = "";
    socket.setEncoding("utf8").on("data", (text: string) => {
      reply += text;
    });
    socket.once("error", reject);
    socket.once("close", () => resolve(reply));
    socket.end(command);
  });
}
