/** nginx with its stream module, on either end of a connection. */
import { writeFiles } from "./certificates.ts";
import { answering, freePort } from "./ports.ts";
import { type RunningProgram, startProgram } from "./program.ts";

export interface Nginx extends AsyncDisposable {
  readonly program: RunningProgram;
}

/** Starts nginx with these `server` blocks in its stream block. `files` lie beside; they are called `@NAME`. */
export async function startNginxStream(
  servers: string,
  files: Readonly<Record<string, string>> = {},
): Promise<Nginx> {
  await using cleanup = new AsyncDisposableStack();
  const ready = await freePort();
  const folder = cleanup.use(writeFiles(files));
  const configuration = cleanup.use(
    writeFiles({
      "nginx.conf": `
daemon off;
master_process off;
pid ${folder.path("pid")};
error_log stderr info;
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
events {}
stream {
${servers.replaceAll(/@([\w.]+)/g, (_, name: string) => folder.path(name))}
  # opened after all others
  server { listen 127.0.0.1:${ready}; return ready; }
}
`,
    }),
  );
  const args = ["-c", configuration.path("nginx.conf"), "-e", "stderr"];
  const program = cleanup.use(await startProgram("nginx", args));
  await answering(ready).catch((error: unknown) => {
    throw new Error(program.output, { cause: error });
  });
  const owned = cleanup.move();
  return { program, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
