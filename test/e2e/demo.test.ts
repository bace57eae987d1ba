/**
 * `npm start` is what a visitor tries first, on a machine that we do not know: it must work without certificates, say what to try in
 * lines that can be pasted, end cleanly, and explain itself when a port is taken.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { freePort } from "../support/ports.ts";
import { run } from "../support/program.ts";
import { requires } from "../support/requires.ts";

const script = fileURLToPath(new URL("../../scripts/demo.ts", import.meta.url));
const tunnels = ["tls-to-plain", "tls-to-tls", "plain-to-tls"];

/** Ports and certificates of the test's own, so that it can run beside a demonstration. */
async function setUp() {
  const folder = writeFiles({});
  const ports: Record<string, number> = {};
  for (const name of ["DEMO_ALPHA", "DEMO_BETA", "DEMO_ALPHA_TLS", "DEMO_BETA_TLS"])
    ports[name] = await freePort();
  const env = {
    ...Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)])),
    CERTS: folder.path("certs"),
    DEMO_TLS_TO_PLAIN: "0",
    DEMO_TLS_TO_TLS: "0",
    DEMO_PLAIN_TO_TLS: "0",
  };
  return { env, ports, folder, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

suite("npm start -- --once", () => {
  test("makes the certificates and proves every tunnel", async () => {
    using setup = await setUp();
    const { code, stdout, stderr } = await start(["--once"], setup.env).ended;
    assert.equal(code, 0, stderr);
    for (const tunnel of tunnels)
      assert.match(stdout, new RegExp(`^ok +${tunnel} .*(alpha|beta) answered over`, "m"));
    for (const name of ["ca", "server", "client"]) {
      assert.match(stdout, new RegExp(`^made .*\\b${name}\\.crt`, "m"));
      assert.ok(existsSync(setup.folder.path(`certs/${name}.key`)), name);
    }
  });

  test("uses the certificates that are there, and makes those that are missing", async () => {
    using setup = await setUp();
    await start(["--once"], setup.env).ended;
    const before = readFileSync(setup.folder.path("certs/server.crt"), "utf8");
    for (const file of ["client.crt", "client.key"]) rmSync(setup.folder.path(`certs/${file}`));
    const { code, stdout, stderr } = await start(["--once"], setup.env).ended;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^made client\.crt in /);
    assert.equal(readFileSync(setup.folder.path("certs/server.crt"), "utf8"), before);
  });

  test("says which certificate to delete when the CA is another one", async () => {
    using setup = await setUp();
    const { cert, key } = testAuthority();
    const server = testAuthority("Somebody else").issue();
    using certs = writeFiles({ "ca.crt": cert, "ca.key": key, "server.crt": server.cert });
    const { code, stderr } = await start(["--once"], { ...setup.env, CERTS: certs.dir }).ended;
    assert.equal(code, 1);
    assert.match(stderr, /^demo: .*server\.crt is not from ca\.crt: delete it and its key, .*\n$/);
  });

  for (const name of ["DEMO_BETA_TLS", "DEMO_TLS_TO_TLS"])
    test(`explains in one line that a port is taken (${name})`, async () => {
      using setup = await setUp();
      const port = await freePort();
      await using other = createServer().listen(port, "127.0.0.1");
      await once(other, "listening");
      const { code, stderr } = await start(["--once"], { ...setup.env, [name]: String(port) }).ended;
      assert.equal(code, 1);
      assert.match(
        stderr,
        new RegExp(`^demo: cannot listen on 127\\.0\\.0\\.1:${port}: address already.*\\n$`),
      );
    });
});

suite("npm start", requires("curl", "openssl"), () => {
  test("prints lines to try that work, logs them, and ends with Ctrl-C", async () => {
    using setup = await setUp();
    await using demo = start([], setup.env);
    await demo.said(/Ctrl-C ends everything/);
    const lines = demo.output().match(/^ {2}(curl|openssl) .*$/gm) ?? [];
    assert.equal(lines.length, tunnels.length);
    for (const line of lines) {
      const [tool = "", ...args] = line.trim().split(" ");
      if (tool === "curl") {
        for (const name of ["alpha", "beta"])
          assert.match((await run(tool, ["-sS", ...args])).text, new RegExp(`^hello from ${name}$`, "m"));
        continue;
      }
      // -quiet waits for the other end to close, as after this request
      const { code, text } = await run(tool, args, { input: "GET / HTTP/1.0\r\n\r\n" });
      assert.equal(code, 0, text);
      assert.match(text, /^hello from (alpha|beta)$/m);
    }
    for (const tunnel of tunnels) await demo.said(new RegExp(`info +${tunnel} .* completed`));
    demo.process.kill("SIGINT");
    const { code, stderr } = await demo.ended;
    assert.equal(code, 0, stderr);
  });
});

/** Runs the script; `await using` ends it. */
function start(args: readonly string[], env: Readonly<Record<string, string>>) {
  const child: ChildProcess = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, stdout, stderr }));
  return {
    process: child,
    ended,
    output: () => stdout,
    said: async (pattern: RegExp) => {
      while (!pattern.test(stdout)) {
        if (child.exitCode !== null) throw new Error(`ended without ${pattern}:\n${stdout}${stderr}`);
        await Promise.race([once(child.stdout ?? child, "data"), ended]);
      }
    },
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await ended;
    },
  };
}
