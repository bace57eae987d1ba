/** A name server of the test's own, with a zone that can change. */
import { Resolver } from "node:dns/promises";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "./ports.ts";
import { type RunningProgram, startProgram } from "./program.ts";

/** Options of dnsmasq without their dashes, such as `host-record=db.test,127.0.0.1` or `srv-host=…`. */
export type Zone = readonly string[];

export interface NameServer extends AsyncDisposable {
  readonly address: string;
  /** Answers from another zone from now on. */
  change(zone: Zone): Promise<void>;
  stop(): Promise<void>;
}

export async function startDnsmasq(zone: Zone): Promise<NameServer> {
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  let program: RunningProgram | undefined;
  const stop = async () => {
    await program?.stop("SIGKILL");
    program = undefined;
  };
  const change = async (records: Zone) => {
    await stop();
    const settings = [
      "no-daemon",
      "conf-file=/dev/null",
      "no-resolv",
      "no-hosts",
      `port=${port}`,
      "listen-address=127.0.0.1",
      "bind-interfaces",
      // what is not in the zone does not exist
      "local=/test/",
      "host-record=alive.test,127.0.0.1",
      ...(process.getuid?.() === 0 ? ["user=root"] : []),
      ...records,
    ];
    program = await startProgram(
      "dnsmasq",
      settings.map((setting) => `--${setting}`),
      { ready: /started/ },
    );
    await answering(address);
  };
  await change(zone);
  return { address, change, stop, [Symbol.asyncDispose]: stop };
}

async function answering(server: string): Promise<void> {
  const resolver = new Resolver({ timeout: 1000, tries: 20 });
  resolver.setServers([server]);
  for (;;)
    try {
      await resolver.resolve4("alive.test");
      return;
    } catch {
      await delay(20);
    }
}
