import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";

/** The dashboard, and what a browser may do with it. */
export interface Page {
  readonly html: string;
  /** Content-Security-Policy (CSP 3): this script and this style, and requests to where it came from. */
  readonly policy: string;
}

let loading: Promise<Page> | undefined;

/** The page, made once: the published package has it as a file, a checkout bundles it when it is first asked for. */
export function loadPage(): Promise<Page> {
  loading ??= make().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function make(): Promise<Page> {
  const html = import.meta.url.endsWith(".ts")
    ? await bundle()
    : await readFile(new URL("dashboard.html", import.meta.url), "utf8");
  return { html, policy: policyFor(html) };
}

async function bundle(): Promise<string> {
  const script = new URL("../../scripts/bundle-dashboard.ts", import.meta.url);
  const { bundleDashboard } = (await import(script.href)) as {
    bundleDashboard(): Promise<{ readonly html: string }>;
  };
  return (await bundleDashboard()).html;
}

function policyFor(html: string): string {
  const hash = (tag: string) => {
    const content = new RegExp(`<${tag}[^>]*>([\\s\\S]*?)</${tag}>`).exec(html)?.[1] ?? "";
    return `'sha256-${createHash("sha256").update(content).digest("base64")}'`;
  };
  return [
    "default-src 'none'",
    `script-src ${hash("script")}`,
    `style-src ${hash("style")}`,
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
