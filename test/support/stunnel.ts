/** stunnel 5 on the other end of a connection: an implementation of TLS, close and relay that is not ours. */
import { writeFiles } from "./certificates.ts";
import { freePort } from "./ports.ts";
import { type RunningProgram, startProgram } from "./program.ts";

export interface StunnelOptions {
  /** "client": plain in, TLS out; "server": TLS in, plain out. */
  readonly role: "client" | "server";
  /** A port of 127.0.0.1. */
  readonly connect: number;
  /** PEM: whom to trust. The other end must have a certificate of it. */
  readonly ca: string;
  /** PEM: who it is; without one it shows no certificate. */
  readonly identity?: { readonly chain: string; readonly key: string };
  /** Further lines of the service; undefined takes one away that it has otherwise. */
  readonly options?: Readonly<Record<string, string | undefined>>;
  /** What goes elsewhere, by the server name that the client asks for: a port of 127.0.0.1. */
  readonly byServerName?: Readonly<Record<string, number>>;
}

export interface Stunnel extends AsyncDisposable {
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  readonly program: RunningProgram;
}

export async function startStunnel({
  role,
  connect,
  ca,
  identity,
  options,
  byServerName = {},
}: StunnelOptions): Promise<Stunnel> {
  await using cleanup = new AsyncDisposableStack();
  const port = await freePort();
  const files = cleanup.use(
    writeFiles({ "ca.crt": ca, "own.crt": identity?.chain ?? "", "own.key": identity?.key ?? "" }),
  );
  const own = identity ? { cert: files.path("own.crt"), key: files.path("own.key") } : {};
  const service = {
    client: role === "client" ? "yes" : "no",
    accept: `127.0.0.1:${port}`,
    connect: `127.0.0.1:${connect}`,
    CAfile: files.path("ca.crt"),
    verifyChain: "yes",
    ...(role === "client" ? { checkHost: "localhost", sni: "localhost" } : {}),
    ...own,
    ...options,
  };
  const virtual = Object.entries(byServerName).map(([name, to]) => {
    const lines = { sni: `service:${name}`, connect: `127.0.0.1:${to}`, ...own };
    return `[${name}]\n${section(lines)}`;
  });
  // at this level it says when it listens
  const settings = { foreground: "yes", pid: "", debug: "7" };
  const configuration = cleanup.use(
    writeFiles({ "stunnel.conf": `${section(settings)}[service]\n${section(service)}${virtual.join("")}` }),
  );
  const program = cleanup.use(
    await startProgram("stunnel", [configuration.path("stunnel.conf")], {
      ready: new RegExp(`bound to 127\\.0\\.0\\.1:${port}`),
    }),
  );
  const owned = cleanup.move();
  return { port, program, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function section(lines: Readonly<Record<string, string | undefined>>): string {
  return Object.entries(lines)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join("");
}
