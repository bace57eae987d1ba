"use strict";
// Makes a clean clone ready. npm's `pre` hooks run it before node_modules exists, on whatever Node the
// machine has: plain CommonJS that Node 18 parses, built-in modules only. Says nothing when all is there.
//
//   node scripts/setup.cjs           dependencies and the pinned runtime
//   node scripts/setup.cjs --test    and the Debian packages that tests talk to
const { spawnSync } = require("node:child_process");
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { FLOOR, pinnedRuntime, satisfiesFloor } = require("../bin/runtime.cjs");
const { installPackages, missingPackages, obstacle } = require("./debian.cjs");

const root = path.resolve(__dirname, "..");
const modules = path.join(root, "node_modules");

// servers and clients that are not ours, so that tests meet real peers; each test starts what it needs itself
const TEST_PACKAGES = [
  ...["openssl", "socat", "curl", "ncat", "haproxy", "nginx", "libnginx-mod-stream", "stunnel4", "hitch"],
  ...["redis-server", "postgresql", "postfix", "iproute2", "iptables", "tmux", "libatomic1", "dnsmasq-base"],
  ...[
    "procps",
    "dovecot-imapd",
    "dovecot-pop3d",
    "dovecot-managesieved",
    "slapd",
    "ldap-utils",
    "mariadb-server",
  ],
  ...[
    "tinyproxy-bin",
    "microsocks",
    "vsftpd",
    "lftp",
    "prosody",
    "prometheus",
    "testssl.sh",
    "bsdextrautils",
    "chromium",
  ],
];

try {
  ensureDependencies();
  ensureRuntime();
  if (process.argv.includes("--test")) ensureTestPackages();
} catch (error) {
  console.error(`setup: ${error.message}`);
  process.exitCode = 1;
}

function ensureDependencies() {
  const stamp = path.join(modules, ".equilibria-setup");
  const wanted = createHash("sha256")
    .update(fs.readFileSync(path.join(root, "package.json")))
    .update(fs.readFileSync(path.join(root, "package-lock.json")))
    .digest("hex");
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, "utf8") === wanted) return;
  // whoever ran npm themselves, or edited only the scripts, need not wait for a second installation
  if (!installedMatchesLock()) {
    console.log("setup: installing the dependencies and the pinned Node.js with npm ci");
    npmCi();
  }
  fs.writeFileSync(stamp, wanted);
}

function installedMatchesLock() {
  const installed = readJson(path.join(modules, ".package-lock.json"));
  if (installed === undefined) return false;
  const lock = readJson(path.join(root, "package-lock.json"));
  const manifest = readJson(path.join(root, "package.json"));
  for (const kind of ["dependencies", "devDependencies", "optionalDependencies"]) {
    // out of step with the lock file: npm ci will say what to do about it
    if (JSON.stringify(lock.packages[""][kind]) !== JSON.stringify(manifest[kind])) return false;
  }
  return Object.entries(lock.packages).every(([place, entry]) => {
    if (!place.startsWith("node_modules/")) return true;
    const found = installed.packages[place];
    // an optional package for another platform is rightly absent
    if (found === undefined) return Boolean(entry.optional) && !isForThisPlatform(entry);
    return found.version === entry.version && found.integrity === entry.integrity;
  });
}

function isForThisPlatform(entry) {
  const allows = (list, value) => list === undefined || [].concat(list).includes(value);
  // of the packages that name a libc one is present, and which is not worth finding out here
  return allows(entry.os, process.platform) && allows(entry.cpu, process.arch) && entry.libc === undefined;
}

function npmCi() {
  // the npm and the node that run this hook; "node" on PATH may be the one about to be replaced
  const npm = process.env.npm_execpath;
  const node = process.env.npm_node_execpath || process.execPath;
  // development dependencies also where NODE_ENV=production is set: types and lint are part of npm test
  const args = ["ci", "--include=dev", "--include=optional"];
  const options = { cwd: root, stdio: ["ignore", "ignore", "inherit"] };
  const result = npm
    ? spawnSync(node, [npm, ...args], options)
    : spawnSync("npm", args, { ...options, shell: process.platform === "win32" });
  if (result.error) throw new Error(`npm does not start: ${result.error.message}`);
  if (result.status !== 0) throw new Error(`npm ci failed (${result.signal || result.status}), see above`);
}

function ensureRuntime() {
  const pinned = pinnedRuntime();
  if (pinned === undefined) {
    if (satisfiesFloor(process.version)) return;
    throw new Error(
      `no pinned Node.js for ${process.platform}-${process.arch}: install ${FLOOR}, this is ${process.version}`,
    );
  }
  let fault = runtimeFault(pinned.executable);
  if (fault?.includes("libatomic") && installPackages(["libatomic1"]) === undefined) {
    console.log("setup: installed libatomic1, which the pinned Node.js needs");
    fault = runtimeFault(pinned.executable);
  }
  linkRuntime(pinned.executable, fault === undefined);
  if (fault === undefined) return;
  const remedy = fault.includes("libatomic")
    ? "install the package libatomic1 (Fedora: libatomic) and try again"
    : `remove node_modules and try again, or install ${FLOOR}`;
  throw new Error(`the pinned Node.js does not work: ${fault}; ${remedy}`);
}

/** Why the runtime cannot be used, in one line; undefined when it can. */
function runtimeFault(executable) {
  const result = spawnSync(executable, ["--version"], { encoding: "utf8", timeout: 30_000 });
  if (result.error) return result.error.message;
  if (result.status !== 0) return result.stderr.trim().split("\n")[0] || `it ended with ${result.status}`;
  const version = result.stdout.trim();
  return satisfiesFloor(version) ? undefined : `it is ${version}, needed is ${FLOOR}`;
}

/**
 * npm puts node_modules/.bin first on PATH. A runtime that does not start must not be found there, or the
 * next `npm test` fails in its first word, before this script can name the remedy.
 */
function linkRuntime(executable, works) {
  if (process.platform === "win32") return;
  const link = path.join(modules, ".bin/node");
  if (!works) fs.rmSync(link, { force: true });
  else if (!fs.existsSync(link)) fs.symlinkSync(path.relative(path.dirname(link), executable), link);
}

function ensureTestPackages() {
  const missing = missingPackages(TEST_PACKAGES);
  if (missing === undefined) {
    console.log("setup: no Debian here; tests whose programs are not on PATH are skipped");
    return;
  }
  if (missing.length === 0) return;
  let fault = obstacle();
  if (fault === undefined) {
    console.log(`setup: installing Debian packages for the tests: ${missing.join(" ")}`);
    fault = installPackages(missing);
  }
  if (fault === undefined) return;
  console.log(`setup: not installed (${fault}), tests that need them are skipped: ${missing.join(" ")}`);
}

function readJson(file) {
  return fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, "utf8")) : undefined;
}
