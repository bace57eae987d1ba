import { readFileSync } from "node:fs";

/** The version of the package. */
export function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return (manifest as { version: string }).version;
}

/** What is running, and as which process. */
export function thisProgram() {
  const { pid, versions } = process;
  return { version: version(), node: versions.node, openssl: versions.openssl, pid };
}
