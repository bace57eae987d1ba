/**
 * How the program is called and what it does when it is called wrongly. Exit codes and messages are what scripts and supervisors
 * see of it; a closed pipe or a careless environment must neither end it nor weaken it.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startEcho, startNamed } from "../support/echo.ts";
import { Instance, runToEnd, startInstance } from "../support/instance.ts";
import { freePort } from "../support/ports.ts";
import { visit } from "../support/visit.ts";

suite("the command line", { concurrency: 2 }, () => {
  const usage: Readonly<Record<string, readonly [args: readonly string[], exit: number, message: RegExp]>> = {
    "an unknown option": [
      ["--confg", "x.yaml"],
      64,
      /^error: unknown option '--confg'\n\(Did you mean --config\?\)/,
    ],
    "an option without its value": [["-c"], 64, /^error: option '-c, --config <file>' argument missing/],
    "no arguments": [[], 64, /^nothing to run: give -c FILE or LISTEN:TARGET,TARGET…/],
    "a file and tunnels": [["-c", "x.yaml", "8080:80"], 64, /^give either -c FILE or LISTEN:TARGET,TARGET…/],
    "a file that is not there": [
      ["-c", "/nowhere/x.yaml"],
      66,
      /^\/nowhere\/x\.yaml: there is no such file\n$/,
    ],
    "a folder": [["-c", "/"], 66, /^\/: this is a folder, not a file\n$/],
    "a tunnel that is none": [["8080"], 78, /^command line:1:1: .*"8080" is no LISTEN:TARGET/],
    "check without arguments": [["check"], 64, /^nothing to run/],
    "check of a file that is not there": [["check", "-c", "/nowhere/x.yaml"], 66, /there is no such file\n$/],
  };
  for (const [what, [args, exit, message]] of Object.entries(usage))
    test(`${what} exits ${exit} with a message on standard error`, async () => {
      const result = await runToEnd(args);
      assert.deepEqual([result.exit, result.stdout], [exit, ""]);
      assert.match(result.stderr, message);
      assert.doesNotMatch(result.stderr, /^ {4}at /m);
    });

  test("--help and --version exit 0 and write to standard output", async () => {
    const help = await runToEnd(["--help"]);
    assert.deepEqual([help.exit, help.stderr], [0, ""]);
    assert.match(help.stdout, /^Usage: equilibria-tunnel .*\n(.*\n)*Exit codes: 0 ok/);
    const { exit, stdout } = await runToEnd(["--version"]);
    assert.equal(exit, 0);
    assert.match(stdout, /^\d+\.\d+\.\d+/);
  });

  test("tunnels on the command line are carried, several of them with several targets", async () => {
    await using a = await startNamed("a");
    await using b = await startNamed("b");
    await using c = await startNamed("c");
    const specs = [`127.0.0.1:0:${a.port},127.0.0.1:${b.port}`, `127.0.0.1:0:localhost:${c.port}`];
    await using program = new Instance(specs);
    await program.line(({ event }) => event === "ready", "ready");
    const texts: string[] = [];
    for (let index = 0; index < 3; index++) texts.push((await visit(program.port("tunnel-1"))).text);
    texts.push((await visit(program.port("tunnel-2"))).text);
    assert.deepEqual(texts, ["a\nhello", "b\nhello", "a\nhello", "c\nhello"]);
    assert.equal(await program.stop(), 0);
  });

  test("check says what it has checked, and starts nothing", async () => {
    using folder = writeFiles({
      "tunnels.yaml": "tunnels: { a: { frontend: 1, backend: 2 }, b: { frontend: 3, backend: 4 } }",
    });
    const file = folder.path("tunnels.yaml");
    const result = await runToEnd(["check", "-c", file]);
    assert.deepEqual(result, { exit: 0, stdout: `${file}: ok, 2 tunnels`, stderr: "" });
    const specs = await runToEnd(["check", "8080:127.0.0.1:80"]);
    assert.deepEqual([specs.exit, specs.stdout], [0, "command line: ok, 1 tunnel"]);
  });
});

suite("an environment that weakens TLS", { concurrency: 2 }, () => {
  const environments: Readonly<Record<string, readonly [env: Record<string, string>, message: RegExp]>> = {
    "NODE_TLS_REJECT_UNAUTHORIZED=0": [
      { NODE_TLS_REJECT_UNAUTHORIZED: "0" },
      /^NODE_TLS_REJECT_UNAUTHORIZED=0 turns all certificate checks off; .* --insecure-debug/m,
    ],
    "--tls-keylog": [
      { NODE_OPTIONS: "--tls-keylog=/dev/null" },
      /^--tls-keylog reveals what TLS protects; .* --insecure-debug/m,
    ],
    "--trace-tls": [
      { NODE_OPTIONS: "--no-warnings --trace-tls" },
      /^--trace-tls reveals what TLS protects; .* --insecure-debug/m,
    ],
  };
  for (const [what, [env, message]] of Object.entries(environments))
    test(`${what} is refused, unless --insecure-debug is given`, async () => {
      const { exit, stdout, stderr } = await runToEnd(["127.0.0.1:0:443"], { env });
      assert.deepEqual([exit, stdout], [78, ""]);
      assert.match(stderr, message);
      await using program = new Instance(["--insecure-debug", "127.0.0.1:0:443"], { env });
      await program.line(({ event }) => event === "ready", "ready");
      assert.equal(await program.stop(), 0);
    });
});

suite("standard output", () => {
  test("when its reader has left, the log is lost and nothing else", async () => {
    await using echo = await startEcho();
    for (const format of ["json", "pretty"]) {
      const port = await freePort();
      using folder = writeFiles({
        "tunnels.yaml": `{ log: { format: ${format} }, tunnels: { a: { frontend: "127.0.0.1:${port}", backend: ${echo.port} } } }`,
      });
      await using running = new Instance(["-c", folder.path("tunnels.yaml")]);
      await running.line(({ event, text }) => event === "ready" || /\bready\b/.test(String(text)), "ready");
      running.process.stdout?.destroy();
      // records are written together every tenth of a second: several of these meet a broken pipe
      const until = performance.now() + 500;
      while (performance.now() < until) assert.equal((await visit(port)).text, "hello");
      assert.equal(await running.stop(), 0);
      assert.equal(running.stderr, "");
    }
  });

  test("is JSON lines with level and time when it is no terminal, whatever a peer sends", async () => {
    const authority = testAuthority();
    const server = authority.issue();
    await using echo = await startEcho();
    await using program = await startInstance(
      `{ tunnels: { a: { frontend: { listen: "127.0.0.1:0", tls: { cert: c, key: k } }, backend: ${echo.port} } } }`,
      { c: server.chain, k: server.key },
    );
    await visit(program.port("a"), { tls: { ca: authority.cert, servername: "localhost" } });
    await visit(program.port("a"), { say: "GET / HTTP/1.1\r\n\r\n\u001b[31m" });
    const [, broken] = await program.sessions(2);
    assert.equal(broken?.outcome, "handshake-failed");
    assert.equal(broken?.reason, "plain HTTP was sent where TLS is expected (ERR_SSL_HTTP_REQUEST)");
    assert.equal(await program.stop(), 0);
    for (const { level, time, text } of program.lines) {
      assert.deepEqual([typeof level, text], ["string", undefined]);
      assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    }
  });

  test("is complete at the exit", async () => {
    await using echo = await startEcho();
    await using program = await startInstance(
      `{ tunnels: { a: { frontend: "127.0.0.1:0", backend: ${echo.port} } } }`,
    );
    await Promise.all(Array.from({ length: 200 }, () => visit(program.port("a"))));
    assert.equal(await program.stop(), 0);
    const sessions = program.lines.filter(({ event }) => event === "session");
    assert.equal(sessions.length, 200);
    assert.equal(new Set(sessions.map(({ id }) => id)).size, 200);
    assert.equal(program.lines.at(-1)?.event, "stopped");
  });
});
