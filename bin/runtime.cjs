"use strict";
// Which Node.js runs this program. Loaded by the launcher and by scripts/setup.cjs on whatever Node is
// at hand, so: CommonJS, no syntax newer than Node 6, and no built-in module (old ones lack "node:").

/** The text of package.json "engines", as people read it. */
exports.FLOOR = "Node 24.18.1+ (24.x) or 26.5.1+";

/** Whether a version ("26.10.0", with or without a leading v) is within `>=24.18.1 <25 || >=26.5.1`. */
exports.satisfiesFloor = function satisfiesFloor(version) {
  // a prerelease of the floor itself comes before it, and lacks its fixes
  const match = /^v?(\d+)\.(\d+)\.(\d+)(-.+)?$/.exec(version);
  if (match === null) return false;
  const parts = [Number(match[1]), Number(match[2]), Number(match[3])];
  const minimum = parts[0] === 24 ? [24, 18, 1] : [26, 5, 1];
  for (let i = 0; i < 3; i++) {
    if (parts[i] !== minimum[i]) return parts[i] > minimum[i];
  }
  return match[4] === undefined;
};

/**
 * The runtime that the private workspace tools/runtime pins: `{ version, executable }`, or undefined where
 * it is not installed (a published package) or not made for this platform.
 */
exports.pinnedRuntime = function pinnedRuntime() {
  const root = `${__dirname}/..`;
  const platform = process.platform === "win32" ? "win" : process.platform;
  const names = [`node-${platform}-${process.arch}`, `node-bin-${platform}-${process.arch}`];
  for (const name of names) {
    try {
      // npm hoists it to the root unless versions conflict
      const manifest = require.resolve(`${name}/package.json`, { paths: [root, `${root}/tools/runtime`] });
      const executable = manifest.replace(
        /package\.json$/,
        process.platform === "win32" ? "bin/node.exe" : "bin/node",
      );
      return { version: require(manifest).version, executable: executable };
    } catch (_notInstalled) {
      // the next name
    }
  }
  return undefined;
};
