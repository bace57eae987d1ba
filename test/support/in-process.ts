/** The program in this process, from a configuration as users write it: a tenth of what a process of its own costs. */
import { start } from "../../src/app/runtime.ts";
import { loadConfig } from "../../src/config/load.ts";
import { plugins } from "../../src/config/plugins.ts";
import { Events } from "../../src/core/events.ts";
import { type SessionRecord, sessionRecord } from "../../src/telemetry/session-record.ts";
import { writeFiles } from "./certificates.ts";

export interface InProcess extends AsyncDisposable {
  port(tunnel: string): number;
  /** Waits until `count` sessions have ended, and returns what the log would have of them, in the order of their end. */
  sessions(count: number): Promise<readonly SessionRecord[]>;
}

export async function startInProcess(
  yaml: string,
  material: Readonly<Record<string, string | Buffer>> = {},
): Promise<InProcess> {
  const files = writeFiles({ "tunnels.yaml": yaml, ...material });
  const config = loadConfig({ file: files.path("tunnels.yaml") }, { env: {}, ...plugins });
  const events = new Events();
  const ended: SessionRecord[] = [];
  let waiting = Promise.withResolvers<void>();
  events.on("session.closed", ({ session }) => {
    ended.push(sessionRecord(session));
    waiting.resolve();
    waiting = Promise.withResolvers();
  });
  const runtime = await start(config, { events, ...plugins });
  return {
    port: (name) => {
      const address = runtime.listeners.find(({ tunnel }) => tunnel === name)?.address;
      if (address?.kind !== "tcp") throw new Error(`${name} does not listen on TCP`);
      return address.port;
    },
    sessions: async (count) => {
      while (ended.length < count) await waiting.promise;
      return ended;
    },
    [Symbol.asyncDispose]: async () => {
      await runtime.stop();
      files[Symbol.dispose]();
    },
  };
}
