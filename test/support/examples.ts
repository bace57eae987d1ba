/** The examples under config/, started as a reader of their comments would, with certificates and ports of the test's own. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type TestCertificate, testAuthority, writeFiles } from "./certificates.ts";
import { Instance, type SessionLine } from "./instance.ts";

/** A certificate directory as the examples expect it: ca, server (localhost) and client, each .crt and .key. */
export function exampleCertificates() {
  const authority = testAuthority();
  const server = authority.issue({ usage: "server" });
  const client = authority.issue({ cn: "client", usage: "client" });
  const files = writeFiles({
    "ca.crt": authority.cert,
    "server.crt": server.chain,
    "server.key": server.key,
    "client.crt": client.chain,
    "client.key": client.key,
  });
  return {
    authority,
    dir: files.dir,
    path: files.path,
    ca: files.path("ca.crt"),
    /** For what starts from now on. */
    replaceClient({ chain, key }: TestCertificate): void {
      writeFileSync(files.path("client.crt"), chain);
      writeFileSync(files.path("client.key"), key);
    },
    [Symbol.dispose]: () => files[Symbol.dispose](),
  };
}

/** Starts `config/NAME` with these variables and waits until it is ready. */
export async function startExample(
  name: string,
  variables: Readonly<Record<string, string>>,
): Promise<Instance> {
  const file = fileURLToPath(new URL(`../../config/${name}`, import.meta.url));
  const instance = new Instance(["-c", file], { env: variables });
  try {
    await instance.line(({ event }) => event === "ready", `the ready record of ${name}`);
    return instance;
  } catch (error) {
    await instance[Symbol.asyncDispose]();
    throw error;
  }
}

/** The sessions that did not end as they should, for an assertion that there are none. */
export function unhappy(sessions: readonly SessionLine[]): readonly SessionLine[] {
  return sessions.filter(({ outcome }) => outcome !== "completed");
}
