// Makes the web page of the admin listener from src/admin/dashboard: one file that needs nothing beside it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";

const folder = join(import.meta.dirname, "../src/admin/dashboard");

export interface DashboardBundle {
  readonly html: string;
  /** Paths of everything that went into its script. */
  readonly modules: readonly string[];
}

export async function bundleDashboard(): Promise<DashboardBundle> {
  const bundle = await rolldown({
    input: join(folder, "main.tsx"),
    platform: "browser",
    transform: { jsx: { runtime: "automatic", importSource: "preact" } },
  });
  const { output } = await bundle.generate({ format: "esm", codeSplitting: false, minify: true });
  await bundle.close();
  const [{ code, moduleIds }] = output;
  // a script ends at the first </script, wherever that stands
  const script = code.trim().replaceAll("</script", "<\\/script");
  const page = readFileSync(join(folder, "index.html"), "utf8");
  const style = readFileSync(join(folder, "style.css"), "utf8").trim();
  const html = page.replace("/* STYLE */", () => style).replace("/* SCRIPT */", () => script);
  return { html, modules: moduleIds };
}
