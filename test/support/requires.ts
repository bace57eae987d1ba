import { accessSync, constants, globSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";

// servers that Debian installs out of the reach of an ordinary PATH
const SERVER_DIRECTORIES = ["/usr/sbin", "/sbin", ...globSync("/usr/lib/postgresql/*/bin").toReversed()];

/**
 * The options of a test that talks to programs which are not ours: skipped, with the reason, where one is
 * missing. `test("stores a key", requires("redis-server"), …)`; with further options, spread it.
 */
export function requires(...tools: string[]): { skip: false | string } {
  const missing = tools.filter((tool) => findTool(tool) === undefined);
  return { skip: missing.length === 0 ? false : `needs ${missing.join(", ")}` };
}

/** The absolute path of a program that `requires` found; to be called inside the test. */
export function toolPath(name: string): string {
  const path = findTool(name);
  if (path === undefined)
    throw new Error(`${name} is neither on PATH nor in ${SERVER_DIRECTORIES.join(", ")}`);
  return path;
}

function findTool(name: string): string | undefined {
  const directories = [...(process.env["PATH"] ?? "").split(delimiter), ...SERVER_DIRECTORIES];
  return directories
    .filter((directory) => directory !== "")
    .map((directory) => join(directory, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
