#!/usr/bin/env node
"use strict";
// The launcher. It must start on Nodes far below the floor to say so in one line, so: CommonJS, syntax that
// Node 10 parses, and nothing required above the version check but the file next to it.
const runtime = require("./runtime.cjs");

// sysexits(3) EX_UNAVAILABLE: the program cannot run here
const EX_UNAVAILABLE = 69;

if (runtime.satisfiesFloor(process.version)) {
  start();
} else {
  const pinned = runtime.pinnedRuntime();
  if (pinned !== undefined && runtime.satisfiesFloor(pinned.version)) reexecute(pinned.executable);
  else refuse();
}

function start() {
  enableCompileCache();
  const path = require("node:path");
  const source = path.join(__dirname, "../src/cli.ts");
  const program = require("node:fs").existsSync(source) ? source : path.join(__dirname, "../dist/cli.js");
  // importing it runs the command line; a rejection ends the process with its stack
  import(require("node:url").pathToFileURL(program).href);
}

/**
 * The default place of Node's compile cache is under the world-writable temporary directory, where another
 * user may have put compiled code for us to run. So: below a home directory that is ours, or not at all.
 */
function enableCompileCache() {
  const mod = require("node:module");
  const home = process.env.HOME;
  if (!mod.enableCompileCache || !home || !process.getuid) return;
  try {
    if (require("node:fs").statSync(home).uid !== process.getuid()) return;
    mod.enableCompileCache(require("node:path").join(home, ".cache/equilibria-tunnel"));
  } catch (_noHome) {
    // a service account without a home: the cache saves milliseconds, nothing depends on it
  }
}

function reexecute(executable) {
  const args = process.execArgv.concat([__filename], process.argv.slice(2));
  // replaces this process, so that signals, exit status and process id need no help
  if (process.execve) process.execve(executable, [executable].concat(args), process.env);
  // biome-ignore lint/style/useNodejsImportProtocol: Node below 14.18 does not know the prefix
  const child = require("child_process").spawn(executable, args, { stdio: "inherit" });
  child.on("error", refuse);
  const listeners = forwardSignals(child);
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    // whoever waits for us should see the same death; our own listener would prevent it
    Object.keys(listeners).forEach((name) => {
      process.removeListener(name, listeners[name]);
    });
    process.kill(process.pid, signal);
  });
}

function forwardSignals(child) {
  // Ctrl-C in a terminal reaches the whole process group: forwarded too, it would count as two
  // biome-ignore lint/style/useNodejsImportProtocol: Node below 14.18 does not know the prefix
  const terminal = require("tty").isatty(0);
  const listeners = {};
  const names =
    process.platform === "win32" ? ["SIGINT", "SIGTERM"] : ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"];
  names.forEach((name) => {
    listeners[name] = () => {
      if (name !== "SIGINT" || !terminal) child.kill(name);
    };
    process.on(name, listeners[name]);
  });
  return listeners;
}

function refuse() {
  process.stderr.write(`equilibria-tunnel needs ${runtime.FLOOR}, this is ${process.version}\n`);
  process.exitCode = EX_UNAVAILABLE;
}
