/** Debian's Chromium, driven as a person would use it. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { toolPath } from "./requires.ts";

export interface TestBrowser extends AsyncDisposable {
  /** A tab of its own, with nothing remembered. What goes wrong in it is in `problems`. */
  open(url: string, options?: BrowserContextOptions): Promise<Tab>;
}

export interface Tab {
  readonly page: Page;
  /** Exceptions of the page, and what its policy has forbidden. */
  readonly problems: readonly string[];
  /** Hosts that were asked for something. */
  readonly hosts: ReadonlySet<string>;
}

export async function startBrowser(): Promise<TestBrowser> {
  const browser: Browser = await chromium.launch({
    executablePath: toolPath("chromium"),
    // root has no sandbox there
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
  return {
    open: async (url, options) => {
      const page = await (await browser.newContext(options)).newPage();
      const problems: string[] = [];
      const hosts = new Set<string>();
      page.on("pageerror", ({ message }) => problems.push(message));
      page.on("console", (message) => {
        if (/Content Security Policy/i.test(message.text())) problems.push(message.text());
      });
      page.on("request", (request) => hosts.add(new URL(request.url()).host));
      await page.goto(url);
      return { page, problems, hosts };
    },
    [Symbol.asyncDispose]: () => browser.close(),
  };
}

export interface FaintText {
  readonly text: string;
  readonly ratio: number;
}

/** Texts of the page whose contrast with what is behind them is below 4.5:1 (WCAG 2.2, 1.4.3). */
export function faintTexts(page: Page): Promise<readonly FaintText[]> {
  return page.evaluate(`(() => {
    const parse = (color) => {
      const [r = 0, g = 0, b = 0, a = 1] = (color.match(/[\\d.]+/g) ?? []).map(Number);
      return { r, g, b, a };
    };
    const luminance = ({ r, g, b }) => {
      const [R, G, B] = [r, g, b].map((one) => {
        const part = one / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * R + 0.7152 * G + 0.0722 * B;
    };
    const behind = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const color = parse(getComputedStyle(at).backgroundColor);
        if (color.a > 0) return color;
      }
      return { r: 255, g: 255, b: 255 };
    };
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const element = node.parentElement;
      const text = node.textContent.trim();
      if (text === "" || /^(SCRIPT|STYLE|NOSCRIPT)$/.test(element.tagName) || element.getClientRects().length === 0) continue;
      const [a, b] = [parse(getComputedStyle(element).color), behind(element)].map(luminance);
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < 4.5) found.push({ text, ratio });
    }
    return found;
  })()`);
}

/** Controls without a name that can be read out (WCAG 2.2, 4.1.2). */
export function namelessControls(page: Page): Promise<readonly string[]> {
  return page.evaluate(`[...document.querySelectorAll("button, input, select, textarea, a[href], [role=button]")]
    .filter((one) => {
      const labelled = one.getAttribute("aria-label") ?? [...(one.labels ?? [])].map((label) => label.textContent).join("");
      return (labelled + (one.tagName === "INPUT" ? "" : one.textContent)).trim() === "";
    })
    .map((one) => one.outerHTML)`);
}
