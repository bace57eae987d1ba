/**
 * Users install a package that has no sources and none of the development dependencies: what a checkout finds in node_modules
 * must be in it, or not be needed.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { writeFiles } from "../support/certificates.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Manifest {
  readonly version: string;
  readonly files: readonly string[];
}
interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly link?: boolean }>>;
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(join(root, file), "utf8"));
}

/** What `npm install --omit=dev` makes of the package, with links in the place of copies. */
function install(folder: string): string {
  const { files } = readJson("package.json") as Manifest;
  const { packages } = readJson("package-lock.json") as Lock;
  const installed = join(folder, "node_modules/equilibria-tunnel");
  mkdirSync(installed, { recursive: true });
  for (const file of [...files, "package.json"])
    cpSync(join(root, file), join(installed, file), { recursive: true });
  for (const [place, { dev, link }] of Object.entries(packages)) {
    // nested ones come with those above them
    if (!/^node_modules\/(@[^/]+\/)?[^/]+$/.test(place) || dev || link || place.includes("/node-bin-"))
      continue;
    mkdirSync(dirname(join(folder, place)), { recursive: true });
    symlinkSync(join(root, place), join(folder, place));
  }
  return join(installed, "bin/equilibria-tunnel.cjs");
}

function node(args: readonly string[], cwd: string): { readonly code: number | null; readonly text: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd,
    encoding: "utf8",
    timeout: 60_000,
  });
  return { code: status, text: `${stdout}${stderr}` };
}

test("the published package runs without sources and development dependencies", {
  timeout: 120_000,
}, async () => {
  const built = node([join(root, "scripts/build.ts")], root);
  assert.equal(built.code, 0, built.text);
  using folder = writeFiles({ "tunnels.yaml": "tunnels: { web: { frontend: 8080, backend: 80 } }\n" });
  const launcher = install(folder.dir);
  const tunnel = (...args: readonly string[]) => node([launcher, ...args], folder.dir);

  const { version } = readJson("package.json") as Manifest;
  assert.equal(tunnel("--version").text, `${version}\n`);
  assert.equal(tunnel("check", "-c", "tunnels.yaml").text, "tunnels.yaml: ok, 1 tunnel\n");
  assert.match(tunnel("completion", "fish").text, /equilibria-tunnel/);
  const top = tunnel("top");
  assert.equal(top.code, 69, top.text);
  // ink and react are in it
  const screen = join(dirname(launcher), "../dist/cli/top/screen.js");
  const source = "import(process.argv[1]).then(({ showScreen }) => console.log(typeof showScreen))";
  const loaded = node(["-e", source, screen], folder.dir);
  assert.equal(loaded.text, "function\n");
  assert.match(readFileSync(join(dirname(screen), "LICENSES.txt"), "utf8"), /^react 19.*\(MIT\)$/m);
  // and preact in the page
  const folderOfPage = join(dirname(launcher), "../dist/admin");
  assert.match(readFileSync(join(folderOfPage, "dashboard.html"), "utf8"), /<script type="module">\S/);
  assert.match(readFileSync(join(folderOfPage, "LICENSES.txt"), "utf8"), /^preact 11.*\(MIT\)$/m);
  const page = join(folderOfPage, "page.js");
  const served = node(
    [
      "-e",
      "import(process.argv[1]).then(({ loadPage }) => loadPage()).then(({ policy }) => console.log(policy))",
      page,
    ],
    folder.dir,
  );
  assert.match(served.text, /^default-src 'none'; script-src 'sha256-/);
});
