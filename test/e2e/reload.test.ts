/**
 * A reload must lose nothing: listeners that stay keep their sockets, sessions under way go on with what they began with,
 * targets keep their state, and a configuration that cannot be taken over changes nothing at all.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { connect as tlsConnect } from "node:tls";
import { testAuthority } from "../support/certificates.ts";
import { startNamed } from "../support/echo.ts";
import { freePort } from "../support/ports.ts";
import { startReloadable } from "../support/reloadable.ts";
import { visit } from "../support/visit.ts";

const tunnel = (name: string, port: number, target: number) =>
  `  ${name}: { frontend: 127.0.0.1:${port}, backend: 127.0.0.1:${target} }\n`;
const authority = testAuthority();
/** How often the configuration changes under load; a longer run is asked for by this variable. */
const reloads = Number(process.env["EQUILIBRIA_RELOADS"] ?? 100);
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

  test(`${reloads} times under load fails no connection, and leaves nothing behind`, async () => {
    await using one = await startNamed("one");
    await using two = await startNamed("two");
    const [port, secure, sometimes] = [await freePort(), await freePort(), await freePort()];
    const [a, b] = [authority.issue({ cn: "a.test" }), authority.issue({ cn: "b.test" })];
    const yaml = (file: string, target: number, more = "") =>
      `tunnels:\n${tunnel("web", port, target)}${more}  tls: { frontend: { listen: 127.0.0.1:${secure}, tls: { cert: ${file}.crt, key: ${file}.key } }, backend: 127.0.0.1:${target} }\n`;
    const odd = yaml("b", two.port, tunnel("sometimes", sometimes, two.port));
    const even = yaml("a", one.port);
    await using program = await startReloadable(even, {
      ...{ "a.crt": a.cert, "a.key": a.key, "b.crt": b.cert, "b.key": b.key },
    });
    const { pid } = program.instance;
    const lasting = [connect(port, "127.0.0.1"), tlsConnect({ port: secure, rejectUnauthorized: false })];
    for (const client of lasting) assert.equal(await told(client), "one\n");
    const descriptors = () => readdirSync(`/proc/${pid}/fd`).length;
    const before = descriptors();

    /** Half of the reloads, and the visits of that time; resolves with the resident memory afterwards, in MiB. */
    const half = async (): Promise<number> => {
      let visits = 0;
      const failed: unknown[] = [];
      let going = true;
      const load = [{}, {}, { tls: {} }].map(async (options) => {
        for (; going; visits++) {
          const { error, text } = await visit(options.tls ? secure : port, options);
          if (error !== undefined || !/^(one|two)\nhello$/.test(text)) failed.push(error ?? text);
        }
      });
      for (let count = 0; count < reloads / 2; count++) {
        const answer = await program.reload(count % 2 === 0 ? odd : even);
        assert.equal(answer.event, "config-applied");
      }
      going = false;
      await Promise.all(load);
      assert.deepEqual(failed, []);
      assert.ok(visits > reloads / 2, `only ${visits} visits`);
      for (const client of lasting) {
        client.write("still here");
        assert.equal(await told(client), "still here");
      }
      while (descriptors() !== before) await setImmediate();
      const [, resident] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
      return Number(resident) / 1024;
    };
    const first = await half();
    const second = await half();
    // of garbage, too, which comes and goes
    assert.ok(second < first + 50, `${first} MiB after the first half, ${second} MiB after the second`);
    for (const client of lasting) client.destroy();
    // Node warns there when listeners pile up
    assert.equal(program.instance.stderr, "");
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
