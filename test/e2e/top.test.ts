/**
 * `top` is looked at by people when something is wrong: what it shows must be what is, in place and at once, and no key may do
 * anything that was not confirmed. A real terminal (tmux) with the real program, and targets that die.
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { suite, test } from "node:test";
import type { MeasuredTunnel } from "../../src/cli/top/plain.ts";
import type { TargetStatus } from "../../src/core/status.ts";
import { startEcho } from "../support/echo.ts";
import { launcher } from "../support/instance.ts";
import { type Operated, startOperated } from "../support/operated.ts";
import { requires } from "../support/requires.ts";
import { startRevivable } from "../support/revivable.ts";
import { startTerminal, type TerminalOptions } from "../support/tmux.ts";

function startTop({ socket }: Operated, options?: TerminalOptions) {
  return startTerminal([process.execPath, launcher, "top", "--socket", socket], options);
}

const green = "\u001b[32m";
const red = "\u001b[31m";

/** The row about something, with the codes for colours: the first line that has it, what has happened being below. */
function rowAbout(screen: string, text: string): string {
  return screen.split("\n").find((line) => line.includes(text)) ?? "";
}

async function targetsOf({ operate }: Operated): Promise<readonly TargetStatus[]> {
  return (await operate("targets", "--json")).json<readonly TargetStatus[]>();
}

suite("top", { concurrency: 2, ...requires("tmux") }, () => {
  test("shows a target that dies in red and one that is back in green, in its place", async () => {
    await using dying = await startRevivable((socket) => socket.pipe(socket));
    await using other = await startEcho();
    await using program = await startOperated(`
tunnels:
  web:
    frontend: "127.0.0.1:0"
    backend:
      targets: [ ${dying.port}, ${other.port} ]
      health: { type: tcp, interval: 50ms, timeout: 10s, rise: 1, fall: 1 }`);
    await using terminal = await startTop(program);
    const key = `127.0.0.1:${dying.port}`;
    const upAndGreen = (screen: string) => rowAbout(screen, key).includes(green);
    const before = await terminal.until(upAndGreen, "green");
    const lineOf = (screen: string) => screen.split("\n").findIndex((line) => line.includes(key));
    await dying.stop();
    const down = await terminal.until((screen) => rowAbout(screen, key).includes(red), "red");
    assert.match(down, /1\/2 up/);
    assert.equal(lineOf(down), lineOf(before));
    // why, among what has happened
    await terminal.until(/target\.health.*web.*connection refused|target\.health.*web 127/);
    await dying.start();
    const back = await terminal.until(upAndGreen, "green again");
    assert.equal(lineOf(back), lineOf(before));
    for (const line of (await terminal.screen()).split("\n")) assert.ok([...line].length <= 80);
    await terminal.resize(120, 30);
    await terminal.until((screen) => screen.split("\n").some((line) => [...line].length > 85), "wider");
    await terminal.type("q");
    await terminal.ended();
  });

  test("drains, weighs, enables and disables a target by keys, each only when it is confirmed", async () => {
    await using echo = await startEcho();
    await using program = await startOperated(
      `tunnels: { web: { frontend: "127.0.0.1:0", backend: ${echo.port} } }`,
    );
    await using terminal = await startTop(program);
    await terminal.until(/1\/1 up/);
    await terminal.type("End");
    await terminal.until(/▸.*127\.0\.0\.1:/);
    await terminal.type("d");
    await terminal.until(new RegExp(`drain 127.0.0.1:${echo.port} of web\\?`));
    await terminal.type("n");
    await terminal.until(/nothing was changed/);
    assert.equal((await targetsOf(program))[0]?.admin, "enabled");

    await terminal.type("d");
    await terminal.until(/y yes, any other key no/);
    await terminal.type("y");
    await terminal.until(/of web is draining/);
    await terminal.until(/0\/1 up/);
    assert.equal((await targetsOf(program))[0]?.admin, "draining");

    await terminal.type("w", "7", "0", "Enter", "y");
    await terminal.until(/weight 70/);
    await terminal.type("x", "y");
    await terminal.until(/of web is disabled/);
    assert.deepEqual(
      (await targetsOf(program)).map(({ admin, weight }) => [admin, weight]),
      [["disabled", 70]],
    );
    await terminal.type("e", "y");
    await terminal.until(/1\/1 up/);
  });

  test("shows sessions, filters them, and kills the one that is selected", async () => {
    await using echo = await startEcho();
    await using program = await startOperated(
      `tunnels: { web: { frontend: "127.0.0.1:0", backend: ${echo.port} }, other: { frontend: "127.0.0.1:0", backend: ${echo.port} } }`,
    );
    const clients = ["web", "other"].map((tunnel) => connect(program.instance.port(tunnel), "127.0.0.1"));
    for (const client of clients) client.on("error", () => {}).write("hello");
    const [client] = clients;
    await using terminal = await startTop(program);
    await terminal.type("2");
    await terminal.until(/\[2 sessions 2\]/);
    await terminal.type("/", "w", "e", "b", "Enter");
    await terminal.until(/filter "web": 1 shown/);
    await terminal.type("Down", "k");
    await terminal.until(/kill the session .*\?/);
    const closed = new Promise((resolve) => client?.once("close", resolve));
    await terminal.type("y");
    await closed;
    const [session] = await program.instance.sessions(1);
    assert.deepEqual([session?.tunnel, session?.outcome], ["web", "killed"]);
    await terminal.until(/\[2 sessions 1\]/);
    for (const one of clients) one.destroy();
  });

  test("goes on showing when the program is away, says so, and finds it again", async () => {
    await using program = await startOperated('tunnels: { web: { frontend: "127.0.0.1:0", backend: 1 } }');
    await using terminal = await startTop(program);
    await terminal.until(/1\/1 up/);
    // it accepts and does not answer; then it does
    program.instance.process.kill("SIGSTOP");
    await terminal.until(/○ lost/);
    assert.match(await terminal.screen(), / {2}127\.0\.0\.1:1 +up/);
    program.instance.process.kill("SIGCONT");
    await terminal.until(/● live/);
  });

  test("uses no colour where NO_COLOR is set", async () => {
    await using program = await startOperated('tunnels: { web: { frontend: "127.0.0.1:0", backend: 1 } }');
    await using terminal = await startTop(program, { env: { NO_COLOR: "1" } });
    const screen = await terminal.until(/1\/1 up/);
    assert.ok(!screen.includes(green) && !screen.includes(red));
  });
});

test("top without a terminal prints a table of one second, or JSON", async () => {
  await using echo = await startEcho();
  await using program = await startOperated(
    `tunnels: { web: { frontend: "127.0.0.1:0", backend: ${echo.port} } }`,
  );
  const client = connect(program.instance.port("web"), "127.0.0.1").on("error", () => {});
  const sending = setInterval(() => client.write("x".repeat(10_000)), 20).unref();
  client.resume();
  const plain = await program.operate("top");
  assert.match(plain.stdout, /^TUNNEL \/ TARGET .*\nweb +1\/1 up +1 +\d+ +[\d.]+k +[\d.]+k\n/);
  assert.match(plain.stdout, new RegExp(`\n  127.0.0.1:${echo.port} +up +1 +1 `));
  const [tunnel] = (await program.operate("top", "--json")).json<readonly MeasuredTunnel[]>();
  clearInterval(sending);
  client.destroy();
  assert.ok(tunnel && tunnel.perSecond.bytesIn > 0 && tunnel.perSecond.bytesOut > 0);
  assert.equal(tunnel.targets[0]?.perSecond.connections, 0);
});
