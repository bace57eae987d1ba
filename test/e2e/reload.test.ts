/**
 * A reload must lose nothing: listeners that stay keep their sockets, sessions under way go on with what they began with,
 * targets keep their state, and a configuration that cannot be taken over changes nothing at all.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { unlinkSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { describe, test } from "node:test";
import { connect as tlsConnect } from "node:tls";
import { testAuthority } from "../support/certificates.ts";
import { startNamed } from "../support/echo.ts";
import { freePort } from "../support/ports.ts";
import { startReloadable } from "../support/reloadable.ts";
import { visit } from "../support/visit.ts";

const tunnel = (name: string, port: number, target: number) =>
  `  ${name}: { frontend: 127.0.0.1:${port}, backend: 127.0.0.1:${target} }\n`;
const told = async (socket: Socket) => String((await once(socket, "data"))[0]);
const name = async (port: number) => (await visit(port)).text.split("\n")[0];

describe("a reload", () => {
  test("leaves sessions with the target that they have, and sends new ones where the file says now", async () => {
    await using one = await startNamed("one");
    await using two = await startNamed("two");
    const port = await freePort();
    await using program = await startReloadable(`tunnels:\n${tunnel("web", port, one.port)}`);
    const client = connect(port, "127.0.0.1");
    assert.equal(await told(client), "one\n");
    const applied = await program.reload(`tunnels:\n${tunnel("web", port, two.port)}`);
    assert.equal(applied.event, "config-applied");
    assert.equal(applied["generation"], 2);
    assert.deepEqual(applied["targetsAdded"], [{ backend: "web", target: `127.0.0.1:${two.port}` }]);
    assert.deepEqual(applied["targetsRemoved"], [{ backend: "web", target: `127.0.0.1:${one.port}` }]);
    client.write("still here");
    assert.equal(await told(client), "still here");
    assert.equal(await name(port), "two");
    client.destroy();
  });

  test("opens and closes listeners, moves one to another tunnel, and lets sessions of a removed tunnel go on", async () => {
    await using one = await startNamed("one");
    await using two = await startNamed("two");
    const [kept, moved, gone, fresh] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    const first =
      tunnel("kept", kept, one.port) + tunnel("a", moved, one.port) + tunnel("gone", gone, one.port);
    await using program = await startReloadable(`tunnels:\n${first}`);
    const client = connect(gone, "127.0.0.1");
    assert.equal(await told(client), "one\n");
    const next =
      tunnel("kept", kept, one.port) + tunnel("b", moved, two.port) + tunnel("new", fresh, two.port);
    const applied = await program.reload(`tunnels:\n${next}`);
    assert.deepEqual(applied["listenersOpened"], [`127.0.0.1:${fresh}`]);
    assert.deepEqual(applied["listenersClosed"], [`127.0.0.1:${gone}`]);
    assert.deepEqual(await Promise.all([kept, moved, fresh].map(name)), ["one", "two", "two"]);
    assert.equal((await visit(gone)).error, "ECONNREFUSED");
    client.write("still here");
    assert.equal(await told(client), "still here");
    client.end();
    const [ended] = await program.instance.sessions(1, "gone");
    assert.equal(ended?.outcome, "completed");
  });

  test("a hundred times under load fails no connection", async () => {
    await using one = await startNamed("one");
    await using two = await startNamed("two");
    const port = await freePort();
    const yaml = (target: number) => `tunnels:\n${tunnel("web", port, target)}`;
    await using program = await startReloadable(yaml(one.port));
    const visits: { readonly error: string | undefined; readonly text: string }[] = [];
    let going = true;
    const load = Array.from({ length: 4 }, async () => {
      while (going) visits.push(await visit(port));
    });
    for (let count = 0; count < 100; count++) {
      const answer = await program.reload(yaml(count % 2 === 0 ? two.port : one.port));
      assert.equal(answer.event, "config-applied");
    }
    going = false;
    await Promise.all(load);
    assert.ok(visits.length > 100, `only ${visits.length} visits`);
    const failed = visits.filter(
      ({ error, text }) => error !== undefined || !/^(one|two)\nhello$/.test(text),
    );
    assert.deepEqual(failed, []);
  });

  test("that cannot be taken over changes nothing, and says where and why", async () => {
    await using one = await startNamed("one");
    const [port, taken] = [await freePort(), await freePort()];
    const good = `tunnels:\n${tunnel("web", port, one.port)}`;
    await using program = await startReloadable(good);
    const squatter = createServer().listen(taken, "127.0.0.1");
    await once(squatter, "listening");
    const bad = {
      "tunnels:\n  web: { frontnd: 1 }\n":
        /tunnels\.yaml:3:\d+: tunnels\.web\.frontnd: .*did you mean "frontend"/,
      "tunnels: [": /tunnels\.yaml:\d+:\d+: /,
      "": /there is no tunnel|empty/,
      [`${good}${tunnel("other", taken, 9)}`]: /cannot listen on 127\.0\.0\.1:\d+: .*in use/,
      [`${good}  tls: { frontend: { listen: 127.0.0.1:0, tls: { cert: no.crt, key: no.key } }, backend: 127.0.0.1:9 }`]:
        /no\.crt/,
    };
    for (const [yaml, reason] of Object.entries(bad)) {
      const answer = await program.reload(yaml);
      assert.equal(answer.event, "config-rejected", yaml);
      assert.match(String(answer["reason"]), reason);
      assert.equal(await name(port), "one");
    }
    unlinkSync(program.path("tunnels.yaml"));
    const answer = await program.reload();
    assert.match(String(answer["reason"]), /tunnels\.yaml/);
    assert.equal(await name(port), "one");
    squatter.close();
    // and the next good one is taken over
    assert.equal((await program.reload(good)).event, "config-applied");
  });

  test("shows a new certificate to new clients, and leaves established ones alone", async () => {
    await using one = await startNamed("one");
    const port = await freePort();
    const authority = testAuthority();
    const [before, after] = [authority.issue({ cn: "before.test" }), authority.issue({ cn: "after.test" })];
    const yaml = `tunnels:\n  web: { frontend: { listen: 127.0.0.1:${port}, tls: { cert: a.crt, key: a.key } }, backend: 127.0.0.1:${one.port} }\n`;
    await using program = await startReloadable(yaml, { "a.crt": before.cert, "a.key": before.key });
    const open = async () => {
      const socket = tlsConnect({ host: "127.0.0.1", port, rejectUnauthorized: false });
      socket.on("error", () => {});
      await once(socket, "secureConnect");
      return { socket, names: socket.getPeerCertificate().subjectaltname };
    };
    const first = await open();
    assert.equal(first.names, "DNS:before.test");
    await told(first.socket);
    // a pair that does not fit is refused as a whole
    writeFileSync(program.path("a.crt"), after.cert);
    const refused = await program.reload();
    assert.match(String(refused["reason"]), /the key in .*a\.key does not fit the certificate/);
    assert.equal((await open()).names, "DNS:before.test");
    writeFileSync(program.path("a.key"), after.key);
    assert.equal((await program.reload()).event, "config-applied");
    const second = await open();
    assert.equal(second.names, "DNS:after.test");
    first.socket.write("still here");
    assert.equal(await told(first.socket), "still here");
    first.socket.destroy();
    second.socket.destroy();
  });
});
