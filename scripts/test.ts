// The runner behind `npm test`: node:test over test/**/*.test.ts, and under CI=true a verdict on skips.
//
//   node scripts/test.ts [--root DIR] [folder, file or glob …] [--any-node-test-flag=value …]
import { spawn } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { formatSkip, isOptional, type Skip } from "./skip-reporter.ts";

// files at a time: tests measure times and start real servers, more at once would disturb each other
const CONCURRENCY = 2;
// milliseconds, for one test; the slowest real servers need well under a minute
const TEST_TIMEOUT = 180_000;

const { root, flags, filters } = readArguments(process.argv.slice(2));
const files = findFiles();
if (files.length === 0) {
  // node:test calls an empty run a success, and a mistyped path would look like one
  console.error(`test: no *.test.ts in ${filters.join(" ") || "test"}`);
  process.exitCode = 1;
} else {
  const scratch = mkdtempSync(join(tmpdir(), "equilibria-test-"));
  try {
    const skipsFile = join(scratch, "skips");
    process.exitCode = await runTests(skipsFile, join(scratch, "compiled"));
    if (process.env["CI"] === "true") refuseSkips(readSkips(skipsFile));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function readArguments(args: readonly string[]) {
  const named = args.indexOf("--root");
  const directory = named < 0 ? join(import.meta.dirname, "..") : args[named + 1];
  if (directory === undefined) throw new Error("--root needs a directory");
  const rest = named < 0 ? args : args.toSpliced(named, 2);
  return {
    root: resolve(directory),
    flags: rest.filter((arg) => arg.startsWith("-")),
    filters: rest.filter((arg) => !arg.startsWith("-")),
  };
}

function findFiles(): string[] {
  const globs = (filters.length === 0 ? ["test"] : filters).map((filter) => {
    const isFolder = statSync(join(root, filter), { throwIfNoEntry: false })?.isDirectory() ?? false;
    return isFolder ? `${filter.replace(/\/+$/, "")}/**/*.test.ts` : filter;
  });
  return globSync(globs, { cwd: root }).toSorted();
}

/** @returns the exit code of node:test; `compiled` saves each test file the time to compile what others have used */
async function runTests(skipsFile: string, compiled: string): Promise<number> {
  const args = [
    "--test",
    `--test-concurrency=${CONCURRENCY}`,
    `--test-timeout=${TEST_TIMEOUT}`,
    `--test-reporter=${reporter("spec-reporter.ts")}`,
    "--test-reporter-destination=stdout",
    `--test-reporter=${reporter("skip-reporter.ts")}`,
    `--test-reporter-destination=${skipsFile}`,
    ...flags,
    ...files,
  ];
  // set by an outer node:test, it would make the inner one report to a parent that does not listen
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
  const env = { NODE_COMPILE_CACHE: compiled, ...inherited };
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ["ignore", "inherit", "inherit"] });
  // Ctrl-C reaches the child by itself, a polite kill does not
  const stop = () => child.kill("SIGTERM");
  process.on("SIGTERM", stop);
  return new Promise((done, fail) => {
    child.once("error", fail);
    child.once("exit", (code) => done(code ?? 1));
  });
}

function reporter(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url));
}

function readSkips(file: string): Skip[] {
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Skip);
}

/** In CI everything that tests need is installed, so a skip means that something was not tested. */
function refuseSkips(skips: readonly Skip[]): void {
  const refused = skips.filter((skip) => !isOptional(skip));
  if (refused.length === 0) return;
  console.error(`test: in CI a skip must give a reason that starts with "optional:"`);
  for (const skip of refused) console.error(`  ${formatSkip(skip)}`);
  process.exitCode ||= 1;
}
