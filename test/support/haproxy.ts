/** HAProxy, which invented the PROXY protocol, on either end of a connection. */
import { writeFiles } from "./certificates.ts";
import { answering, freePort } from "./ports.ts";
import { type RunningProgram, startProgram } from "./program.ts";

export interface Haproxy extends AsyncDisposable {
  readonly program: RunningProgram;
}

/**
 * Starts HAProxy with these sections (frontends, backends) in `mode`. `files` lie beside its configuration, which calls
 * them `@NAME`.
 */
export async function startHaproxy(
  mode: "tcp" | "http",
  sections: string,
  files: Readonly<Record<string, string>> = {},
): Promise<Haproxy> {
  await using cleanup = new AsyncDisposableStack();
  const ready = await freePort();
  const folder = cleanup.use(writeFiles(files));
  const configuration = cleanup.use(
    writeFiles({
      "haproxy.cfg": `
global
  maxconn 4000
  log stdout format raw local0
defaults
  mode ${mode}
  timeout client 30s
  timeout server 30s
  timeout connect 5s
  unique-id-format id-of-haproxy-%rt
${sections.replaceAll(/@([\w.]+)/g, (_, name: string) => folder.path(name))}
frontend ready
  # opened after all others
  bind 127.0.0.1:${ready}
`,
    }),
  );
  const program = cleanup.use(
    await startProgram("haproxy", ["-db", "-f", configuration.path("haproxy.cfg")]),
  );
  await answering(ready).catch((error: unknown) => {
    throw new Error(program.output, { cause: error });
  });
  const owned = cleanup.move();
  return { program, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
