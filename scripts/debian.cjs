"use strict";
// Debian packages for the set-up script: which are missing, and installing them without starting anything.
const { spawnSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

/** The names that are not installed; undefined where there is no dpkg. One process, some 10 ms. */
exports.missingPackages = function missingPackages(names) {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a format of dpkg-query, not ours
  const format = "${Package} ${db:Status-Status}\n";
  const query = spawnSync("dpkg-query", ["-W", "-f", format, ...names], { encoding: "utf8" });
  if (query.error) return undefined;
  const lines = new Set(query.stdout.split("\n"));
  return names.filter((name) => !lines.has(`${name} installed`));
};

/** Why packages cannot be installed here, in a few words; undefined when they can. */
exports.obstacle = function obstacle() {
  if (process.getuid?.() !== 0) return "not root";
  return spawnSync("apt-get", ["--version"]).error ? "no apt-get" : undefined;
};

/** @returns undefined when they are installed, else why they are not, in a few words */
exports.installPackages = function installPackages(names) {
  const reason = exports.obstacle();
  if (reason !== undefined) return reason;
  const shims = fs.mkdtempSync(path.join(os.tmpdir(), "equilibria-setup-"));
  try {
    writeShims(shims);
    if (names.includes("postfix")) preseedPostfix();
    const options = ["-y", "-q", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold"];
    // apt gives dpkg this path instead of its own PATH
    const dpkgPath = `DPkg::Path=${shims}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
    return apt(["update", "-q"]) || apt(["install", ...options, "-o", dpkgPath, ...names]);
  } finally {
    fs.rmSync(shims, { recursive: true, force: true });
  }
};

/**
 * Maintainer scripts start their services through these two programs. Standing before the real ones on
 * dpkg's path, and only for this run, they leave the machine's own policy alone.
 */
function writeShims(directory) {
  for (const name of ["invoke-rc.d", "deb-systemd-invoke"]) {
    fs.writeFileSync(path.join(directory, name), "#!/bin/sh\nexit 0\n", { mode: 0o755 });
  }
}

/** Its unattended default is an Internet mail site; tests bring their own configuration. */
function preseedPostfix() {
  spawnSync("debconf-set-selections", {
    input: "postfix postfix/main_mailer_type select Local only\n",
    stdio: ["pipe", "ignore", "ignore"],
  });
}

function apt(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const result = spawnSync("apt-get", args, { env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  if (!result.error && result.status === 0) return undefined;
  const reason = result.error ? result.error.message : /^E: .*/m.exec(result.stderr);
  return `apt-get ${args[0]}: ${reason || `status ${result.status}`}`;
}
