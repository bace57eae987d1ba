/**
 * Equilibria's control socket, as its users know it: every reply is compared with what Equilibria says, word for word.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { describe, test } from "node:test";
import type { Status } from "../../src/core/status.ts";
import { startAdministered } from "../support/admin.ts";
import { startNamed } from "../support/echo.ts";
import { runToEnd } from "../support/instance.ts";
import { freePort } from "../support/ports.ts";
import { run } from "../support/program.ts";
import { requires } from "../support/requires.ts";
import { visit } from "../support/visit.ts";

const told = async (socket: Socket) => String((await once(socket, "data"))[0]);
const name = async (port: number) => (await visit(port)).text.split("\n")[0];
const none = "tunnels: {}\n";

describe("the line protocol", () => {
  test("adds, shows and deletes targets and listeners with Equilibria's replies", async () => {
    await using one = await startNamed("one");
    await using two = await startNamed("two");
    await using program = await startAdministered(none);
    const port = await freePort();
    const [first, second] = [`127.0.0.1:${one.port}`, `127.0.0.1:${two.port}`];
    assert.equal(await program.say("status"), "No proxies currently active.\n");
    assert.equal(await program.say(`add ${port} ${first}`), `Added:  ${port} -> ${first}\n`);
    assert.equal(await name(port), "one");
    assert.equal(await program.say(`ADD ${port}>>>${second}`), `Added:  ${port} -> ${second}\n`);
    assert.equal(await program.say(`add ${port} ${second}`), `Added:  ${port} -> ${second}\n`);
    const rows = [one.port, two.port]
      .toSorted((a, b) => a - b)
      .map((target) => `${port}\t127.0.0.1:${target}\t${target === one.port ? 1 : 0}\t0\n`);
    assert.equal(await program.say("status"), rows.join(""));
    assert.equal(
      await program.say(`del ${port} 127.0.0.1:9`),
      `ERR:  Target 127.0.0.1:9 does not exist for ${port}.\n`,
    );
    assert.equal(await program.say(`rm ${port} ${second}`), `Target ${second} deleted.\n`);
    assert.equal(await program.say(`del ${port} ${first}`), `Listener ${port} deleted.\n`);
    assert.equal(await program.say(`del ${port}`), `ERR:  Not listening on port ${port}.\n`);
    assert.equal(await program.say("status"), "No proxies currently active.\n");
    assert.equal(await program.say("frobnicate"), 'Unrecognized command "frobnicate"\n');
    assert.match(await program.say("add nonsense 127.0.0.1:1"), /^ERR: {2}Unable to add listener\.\n/);
    assert.match(
      await program.say(`add ${one.port} 127.0.0.1:1`),
      /^ERR: {2}Unable to add listener\.\nERR: {2}cannot listen on/,
    );
    assert.match(await program.say("help"), /^Commands:\n {2}help /);
  });

  test("takes lists, several commands on one connection, and listeners of every family", async () => {
    await using one = await startNamed("one");
    await using two = await startNamed("two");
    await using program = await startAdministered(none);
    const [port, sixth] = [await freePort(), await freePort()];
    const client = connect(program.socket);
    let reply = "";
    client.setEncoding("utf8").on("data", (text: string) => {
      reply += text;
    });
    client.write(
      `add ${port} 127.0.0.1:${one.port},127.0.0.1:${two.port}\nadd run/x.sock 127.0.0.1:${one.port}\r\n`,
    );
    client.write(`add [::1]:${sixth} 127.0.0.1:${one.port}\nquit\n`);
    await once(client, "close");
    const socket = program.path("run/x.sock");
    assert.equal(
      reply,
      `Added:  ${port} -> 127.0.0.1:${one.port}\nAdded:  ${port} -> 127.0.0.1:${two.port}\n` +
        `Added:  ${socket} -> 127.0.0.1:${one.port}\nAdded:  [::1]:${sixth} -> 127.0.0.1:${one.port}\n`,
    );
    for (const place of [{ path: socket }, { host: "::1", port: sixth }]) {
      const visitor = connect(place);
      assert.equal(await told(visitor), "one\n");
      visitor.destroy();
    }
    assert.match(await program.say("examine run/x.sock"), /"name": "line-/);
    assert.equal(await program.say("drain run/x.sock"), `Listener ${socket} deleted.\n`);
  });

  test("drains without ending connections, and deletes with them", async () => {
    await using one = await startNamed("one");
    await using two = await startNamed("two");
    await using program = await startAdministered(none);
    const port = await freePort();
    const [first, second] = [`127.0.0.1:${one.port}`, `127.0.0.1:${two.port}`];
    await program.say(`add ${port} ${first}`);
    const kept = connect(port, "127.0.0.1");
    assert.equal(await told(kept), "one\n");
    await program.say(`add ${port} ${second}`);
    assert.equal(await program.say(`drain ${port} ${first}`), `Target ${first} deleted.\n`);
    kept.write("still here");
    assert.equal(await told(kept), "still here");
    const lost = connect(port, "127.0.0.1");
    lost.on("error", () => {});
    assert.equal(await told(lost), "two\n");
    kept.on("error", () => {});
    const closed = Promise.all(
      [kept, lost].map((socket) => new Promise((resolve) => socket.once("close", resolve))),
    );
    assert.equal(
      await program.say(`set ${port} ${second} draining`),
      `Target ${second}: draining, weight 1.\n`,
    );
    assert.equal(
      await program.say(`set ${port} ${second} weight 3`),
      `Target ${second}: draining, weight 3.\n`,
    );
    assert.equal(await program.say(`del ${port}`), `Listener ${port} deleted.\n`);
    await closed;
  });

  test("serializes what can be started from, reloads, and says what is kept", async () => {
    await using one = await startNamed("one");
    await using program = await startAdministered(none);
    const port = await freePort();
    await program.say(`add 127.0.0.1:${port} 127.0.0.1:${one.port}`);
    const text = await program.say("serialize");
    const dumped = JSON.parse(await program.say("dump")) as Status;
    assert.equal(dumped.tunnels[0]?.connections, 0);
    assert.equal(await program.say("save"), `Saved: 1 change in ${program.path("run/state.json")}.\n`);
    assert.equal(await program.say("reload"), "Reloaded, generation 3.\n");
    writeFileSync(program.path("tunnels.yaml"), "tunnels: { web: 1 }\n");
    assert.match(await program.say("reload"), /^ERR: {2}.*tunnels\.yaml:1:17: tunnels\.web: /);
    writeFileSync(program.path("copy.yaml"), text);
    const check = await runToEnd(["check", "-c", program.path("copy.yaml")]);
    assert.deepEqual([check.exit, check.stdout], [0, `${program.path("copy.yaml")}: ok, 1 tunnel`]);
    const { tunnels } = JSON.parse(text);
    assert.deepEqual(Object.values(tunnels), [
      {
        frontend: `127.0.0.1:${port}`,
        backend: { targets: [`127.0.0.1:${one.port}`], balance: "error-weighted" },
      },
    ]);
  });

  test("answers socat", requires("socat"), async () => {
    await using program = await startAdministered(none);
    const { text } = await run("socat", ["-", `UNIX-CONNECT:${program.socket}`], { input: "status" });
    assert.equal(text, "No proxies currently active.\n");
  });
});
