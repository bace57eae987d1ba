// Makes dist/, which only the published package needs: a checkout runs from src.
import { spawnSync } from "node:child_process";
import { globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, sep } from "node:path";
import { rolldown } from "rolldown";
import { bundleDashboard } from "./bundle-dashboard.ts";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
// a file removed from src must not live on in the package
rmSync(dist, { recursive: true, force: true });
compile();
await bundleScreen();
await makeDashboard();

function compile(): void {
  // tsc takes files from the command line only without any tsconfig, hence a second one beside this script
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const { error, status } = spawnSync(
    process.execPath,
    [tsc, "-p", join(root, "scripts/tsconfig.build.json")],
    { stdio: "inherit" },
  );
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

/**
 * The screen of `top` is the only part that needs ink and react, and thirty packages below them: it brings them along in
 * one file, so that nobody has to install them who does not look at it.
 */
async function bundleScreen(): Promise<void> {
  const file = join(dist, "cli/top/screen.js");
  const bundle = await rolldown({
    input: file,
    platform: "node",
    transform: { define: { "process.env.NODE_ENV": '"production"', "process.env.DEV": '"false"' } },
    // imports a package that only those who develop ink have
    plugins: [{ name: "no-devtools", load: (id) => (/ink\/build\/devtools\.js$/.test(id) ? "" : null) }],
  });
  const { output } = await bundle.write({ file, format: "esm", codeSplitting: false, minify: true });
  await bundle.close();
  const modules = output.flatMap((one) => (one.type === "chunk" ? one.moduleIds : []));
  writeFileSync(join(dist, "cli/top/LICENSES.txt"), licences("cli/top/screen.js", modules));
}

/** The web page, and the licences of what is in it. */
async function makeDashboard(): Promise<void> {
  const { html, modules } = await bundleDashboard();
  writeFileSync(join(dist, "admin/dashboard.html"), html);
  writeFileSync(join(dist, "admin/LICENSES.txt"), licences("admin/dashboard.html", modules));
}

/** What the authors of bundled packages ask for: their licences go along. */
function licences(file: string, modules: readonly string[]): string {
  const marker = `${sep}node_modules${sep}`;
  const packages = new Set(
    modules.flatMap((path) => {
      const at = path.lastIndexOf(marker);
      if (at < 0) return [];
      const [scope = "", name = ""] = path.slice(at + marker.length).split(sep);
      return [path.slice(0, at + marker.length) + (scope.startsWith("@") ? join(scope, name) : scope)];
    }),
  );
  const texts = [...packages].toSorted().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
      readonly [key: string]: string;
    };
    const files = globSync("{license,licence,LICENSE,LICENCE}*", { cwd: folder });
    const text = files.map((file) => readFileSync(join(folder, file), "utf8").trim()).join("\n\n");
    return `${name} ${version} (${license})\n\n${text}\n`;
  });
  return `${file} holds parts of these packages.\n\n${texts.join(`\n${"-".repeat(72)}\n\n`)}`;
}
