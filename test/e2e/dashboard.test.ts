/**
 * The dashboard is looked at when something is wrong: it has to show it at once, to whoever can see colours and to whoever
 * cannot, and to do only what the one who looks may do.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { suite, test } from "node:test";
import { connect } from "node:tls";
import type { Locator } from "playwright-core";
import { startAdministered } from "../support/admin.ts";
import {
  faintTexts,
  namelessControls,
  startBrowser,
  type Tab,
  type TestBrowser,
} from "../support/browser.ts";
import { testAuthority } from "../support/certificates.ts";
import { requires } from "../support/requires.ts";
import { startRevivable } from "../support/revivable.ts";

const secrets = { ops: "Q7mV0b3oT2xJ9dK5sL8wZg", look: "zX8qW2eD4rC6vT1bY9nU7m" };
const { chain, key } = testAuthority().issue();
const hostile = "<script>alert(1)</script>.x";

async function start() {
  const targets = [
    await startRevivable((socket) => socket.pipe(socket)),
    await startRevivable((socket) => socket.pipe(socket)),
  ] as const;
  const [one, two] = targets;
  const program = await startAdministered(
    `admin:
  socket: run/control.sock
  state: run/state.json
  http: { listen: 127.0.0.1:0, tokens: [{ name: ops, file: ops.txt, role: operate }, { name: look, file: look.txt, role: read }] }
tunnels:
  pair:
    frontend: { listen: 127.0.0.1:0, tls: { cert: own.crt, key: own.key } }
    backend:
      targets: ["127.0.0.1:${one.port}", "127.0.0.1:${two.port}"]
      health: { type: tcp, interval: 100ms, rise: 1, fall: 1 }
`,
    { "ops.txt": secrets.ops, "look.txt": secrets.look, "own.crt": chain, "own.key": key },
  );
  return {
    ...{ program, one, two, url: `http://${program.http}/dashboard` },
    [Symbol.asyncDispose]: async () => {
      await program[Symbol.asyncDispose]();
      for (const target of targets) await target[Symbol.asyncDispose]();
    },
  };
}

/** Goes from one control to the next until it is at this one, as those do who have no mouse. */
async function tabTo(control: Locator): Promise<void> {
  await control.waitFor();
  for (let tabs = 0; tabs < 20; tabs++) {
    if (
      await control.evaluate((it) =>
        (it as unknown as { matches(selector: string): boolean }).matches(":focus"),
      )
    )
      return;
    await control.page().keyboard.press("Tab");
  }
  assert.fail("it cannot be reached by keyboard");
}

/** Opens the page and says who is looking. */
async function look(browser: TestBrowser, url: string, token: string, options = {}): Promise<Tab> {
  const tab = await browser.open(url, options);
  await tab.page.getByLabel("Token").fill(token);
  await tab.page.keyboard.press("Enter");
  await tab.page.getByRole("heading", { name: "Tunnels" }).waitFor();
  return tab;
}

suite("the dashboard", requires("chromium"), () => {
  test("shows a target that has stopped, and that it is back, by colour and by word", async () => {
    await using setting = await start();
    await using browser = await startBrowser();
    const { page, problems, hosts } = await look(browser, setting.url, secrets.look);
    const row = page.locator(`tr[data-target="127.0.0.1:${setting.two.port}"]`);
    await row.getByText("up").waitFor();
    await setting.two.stop();
    await page.locator(`tr.bad[data-target="127.0.0.1:${setting.two.port}"]`).getByText("down").waitFor();
    assert.match(await row.innerText(), /connection refused/);
    await page.getByText(`not up: 127.0.0.1:${setting.two.port} of pair`).waitFor();
    await page.getByRole("listitem").getByText("target.health").first().waitFor();
    await setting.two.start();
    await page.locator(`tr.good[data-target="127.0.0.1:${setting.two.port}"]`).getByText("up").waitFor();
    assert.deepEqual(problems, []);
    assert.deepEqual([...hosts], [new URL(setting.url).host], "nothing comes from elsewhere");
  });

  test("lets those who may only look do nothing, and operators drain a target by keyboard alone", async () => {
    await using setting = await start();
    await using browser = await startBrowser();
    const reader = await look(browser, setting.url, secrets.look);
    assert.equal(await reader.page.getByRole("button").count(), 0);
    const { page } = await look(browser, setting.url, secrets.ops);
    const target = `127.0.0.1:${setting.one.port}`;
    const button = page.getByRole("button", { name: `Drain ${target} of pair` });
    await tabTo(button);
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: `Drain ${target}?` }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assert.equal(
      (await setting.program.ask<{ admin: string }[]>("GET", "/api/v1/tunnels/pair/targets")).body[0]?.admin,
      "enabled",
    );
    await button.focus();
    await page.keyboard.press("Enter");
    const confirm = page.getByRole("dialog").getByRole("button", { name: "Drain" });
    await tabTo(confirm);
    await page.keyboard.press("Enter");
    await page.locator(`tr.odd[data-target="${target}"]`).getByText("draining").waitFor();
    await reader.page.locator(`tr.odd[data-target="${target}"]`).waitFor();
    await page.getByText("One change made while running").waitFor();
  });

  test("shows sessions, a stranger's name as text, and ends one when that is confirmed", async () => {
    await using setting = await start();
    await using browser = await startBrowser();
    const port = setting.program.instance.port("pair");
    const client = connect({ host: "127.0.0.1", port, servername: hostile, rejectUnauthorized: false });
    client.on("error", () => {});
    client.write("x");
    await once(client, "data");
    const { page, problems } = await look(browser, setting.url, secrets.ops);
    const session = page.getByRole("row").filter({ hasText: hostile });
    await session.waitFor();
    assert.equal(await page.locator("#page script").count(), 0);
    // it ends with a reset, which is an error
    const ended = new Promise((resolve) => client.once("close", resolve));
    await session.getByRole("button", { name: /^End the session/ }).click();
    await page.getByRole("button", { name: "End it" }).click();
    await ended;
    await session.waitFor({ state: "detached" });
    assert.deepEqual(problems, []);
  });

  test("finds what is looked for, and says when nothing is", async () => {
    await using setting = await start();
    await using browser = await startBrowser();
    const { page } = await look(browser, setting.url, secrets.look);
    await page.keyboard.press("/");
    await page.keyboard.type(String(setting.two.port));
    await page.locator(`tr[data-target="127.0.0.1:${setting.one.port}"]`).waitFor({ state: "detached" });
    assert.equal(await page.locator("tr[data-target]").count(), 1);
    await page.keyboard.type("zzz");
    await page.getByText("The filter fits none.").waitFor();
  });

  test("says since when the server does not answer, and goes on when it does again", async () => {
    await using setting = await start();
    await using browser = await startBrowser();
    const { page } = await look(browser, setting.url, secrets.look);
    await page.route("**/api/v1/status", (route) => route.abort());
    await page.getByRole("alert").getByText("No answer since").waitFor();
    await page.locator("main.stale").waitFor();
    await page.unroute("**/api/v1/status");
    await page.getByRole("alert").waitFor({ state: "detached" });
  });

  test("does not let a wrong token in, and says so", async () => {
    await using setting = await start();
    await using browser = await startBrowser();
    const { page } = await browser.open(setting.url);
    await page.getByLabel("Token").fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("the token is not known").waitFor();
  });

  for (const colorScheme of ["light", "dark"] as const)
    test(`can be read in ${colorScheme}, and every control has a name`, async () => {
      await using setting = await start();
      await setting.two.stop();
      await using browser = await startBrowser();
      const asked = await browser.open(setting.url, { colorScheme });
      await asked.page.getByLabel("Token").waitFor();
      assert.deepEqual([await faintTexts(asked.page), await namelessControls(asked.page)], [[], []]);
      const { page } = await look(browser, setting.url, secrets.ops, { colorScheme });
      await page.locator("tr.bad").first().waitFor();
      assert.deepEqual([await faintTexts(page), await namelessControls(page)], [[], []]);
      await page
        .getByRole("button", { name: /^Set the weight/ })
        .first()
        .click();
      await page.getByRole("dialog").waitFor();
      assert.deepEqual([await faintTexts(page), await namelessControls(page)], [[], []]);
    });

  test("is had by anybody, holds nothing, and runs nothing that did not come with it", async () => {
    await using setting = await start();
    for (const path of ["/", "/dashboard"]) {
      const response = await fetch(new URL(path, setting.url));
      assert.equal(response.status, 200);
      const policy = response.headers.get("content-security-policy") ?? "";
      assert.match(policy, /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+';/);
      assert.match(policy, /frame-ancestors 'none'/);
      assert.doesNotMatch(await response.text(), new RegExp(`${setting.one.port}|pair`));
    }
    assert.equal((await fetch(new URL("/api/v1/whoami", setting.url))).status, 401);
    const { body } = await setting.program.ask("GET", "/api/v1/whoami");
    assert.deepEqual(body, { peer: "unix", role: "admin" });
    const page = await setting.program.ask("GET", "/");
    assert.equal(page.status, 200);
  });
});
