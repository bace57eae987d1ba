import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** The load generator cannot be built here; the message is one line. */
export class CannotBuild extends Error {}

export interface Programs {
  readonly loader: string;
  readonly origin: string;
}

/**
 * Builds the load generator and the origin.
 *
 * @throws CannotBuild
 */
export function build(): Programs {
  if (!runs("gcc") || !runs("make")) throw new CannotBuild("the load generator needs gcc and make");
  const make = () =>
    spawnSync("make", ["-C", join(import.meta.dirname, "load"), "--silent"], { encoding: "utf8" });
  let result = make();
  if (result.status !== 0 && lacksHeaders(result.stderr) && installHeaders()) result = make();
  if (lacksHeaders(result.stderr))
    throw new CannotBuild("the load generator needs OpenSSL's headers (libssl-dev)");
  if (result.status !== 0)
    throw new CannotBuild(`the load generator does not build: ${result.stderr.trim()}`);
  const directory = join(import.meta.dirname, "build");
  return { loader: join(directory, "loader"), origin: join(directory, "origin") };
}

function runs(program: string): boolean {
  return spawnSync(program, ["--version"]).status === 0;
}

function lacksHeaders(complaints: string): boolean {
  return /openssl\/\w+\.h: No such file/.test(complaints);
}

/** As root on Debian the package is installed; elsewhere it is the user's decision. */
function installHeaders(): boolean {
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) return false;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args: string[]) => spawnSync("apt-get", ["-q", "-y", ...args], { env }).status === 0;
  return apt("update") && apt("install", "--no-install-recommends", "libssl-dev");
}
