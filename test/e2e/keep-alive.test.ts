/** A peer that is gone without a word, its machine switched off, is noticed by the kernel: both sides of a session ask for that. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { suite, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { startEcho } from "../support/echo.ts";
import { startInstance } from "../support/instance.ts";
import { requires, toolPath } from "../support/requires.ts";

/** What the kernel says of the program's end of a connection. */
function timerOf(end: "sport" | "dport", port: number): string {
  const filter = ["state", "established", end, "=", `:${port}`];
  return execFileSync(toolPath("ss"), ["-Htno", ...filter], { encoding: "utf8" });
}

suite("keep-alive", requires("ss"), () => {
  test("is on towards clients at once, and towards targets once a session is no short one", async () => {
    await using target = await startEcho();
    await using program = await startInstance(
      `tunnels: { web: { frontend: 127.0.0.1:0, backend: ${target.port} } }\n`,
    );
    const port = program.port("web");
    const client = connect({ host: "127.0.0.1", port });
    client.write("x");
    await once(client, "data");
    assert.match(timerOf("sport", port), /timer:\(keepalive/);
    const deadline = AbortSignal.timeout(60_000);
    // no event tells of it
    while (!/timer:\(keepalive/.test(timerOf("dport", target.port)))
      await delay(250, undefined, { signal: deadline });
    client.destroy();
  });
});
