/** A running program whose configuration can be written anew. */
import { writeFileSync } from "node:fs";
import { writeFiles } from "./certificates.ts";
import { Instance, type InstanceOptions, type LogLine, withEveryLine } from "./instance.ts";

export interface Reloadable extends AsyncDisposable {
  readonly instance: Instance;
  /** The path of a file beside the configuration. */
  path(name: string): string;
  /** Writes the configuration, or leaves it as it is, asks to reload it, and returns the record of what became of it. */
  reload(yaml?: string): Promise<LogLine>;
}

/** Starts the program with this configuration and files beside it, and waits until it is ready. */
export async function startReloadable(
  yaml: string,
  files: Readonly<Record<string, string | Buffer>> = {},
  options: InstanceOptions = {},
): Promise<Reloadable> {
  const folder = writeFiles({ "tunnels.yaml": withEveryLine(yaml), ...files });
  const instance = new Instance(["-c", folder.path("tunnels.yaml"), ...(options.args ?? [])], options);
  instance.exited().then(() => folder[Symbol.dispose]());
  await instance.line((line) => line.event === "ready", "the ready record");
  const taken = new WeakSet<LogLine>();
  const isAnswer = (line: LogLine) =>
    (line.event === "config-applied" || line.event === "config-rejected") &&
    line["by"] === "SIGHUP" &&
    !taken.has(line);
  return {
    instance,
    path: (name) => folder.path(name),
    reload: async (text) => {
      if (text !== undefined) writeFileSync(folder.path("tunnels.yaml"), withEveryLine(text));
      instance.process.kill("SIGHUP");
      const answer = await instance.line(isAnswer, "what became of the reload");
      taken.add(answer);
      return answer;
    },
    [Symbol.asyncDispose]: () => instance[Symbol.asyncDispose](),
  };
}
