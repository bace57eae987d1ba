/**
 * A deployment stops the program every day. Sessions under way must be able to finish, nobody new may be let in to be cut off, and
 * it must always be possible to end it: after the drain's deadline, or at the second signal.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Socket } from "node:net";
import { suite, test } from "node:test";
import { startEcho, startOnce, type TestTarget } from "../support/echo.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { MiB, randomBytesFor, receive, send, whole } from "../support/payload.ts";
import { endOf, openClient, visit } from "../support/visit.ts";

const start = (target: TestTarget, drainTimeout: string) =>
  startInstance(`
drainTimeout: ${drainTimeout}
tunnels:
  tcp: { frontend: "127.0.0.1:0", backend: ${target.port} }
  unix: { frontend: "unix:x.sock", backend: ${target.port} }`);

/** A client whose session is under way. */
async function establish(program: Instance): Promise<Socket> {
  const client = await openClient(program.port("tcp"));
  await exchange(client, "before");
  return client;
}

async function exchange(client: Socket, text: string): Promise<void> {
  client.write(text);
  const [got] = await once(client, "data");
  assert.equal(String(got), text);
}

const isDraining = ({ event }: { readonly event?: string }) => event === "draining";

for (const signal of ["SIGTERM", "SIGINT"] as const)
  suite(signal, () => {
    test("with nothing open ends the program at once, not after the drain's deadline", async () => {
      await using target = await startEcho();
      await using program = await start(target, "1h");
      // sessions that are over do not count
      assert.equal((await visit(program.port("tcp"))).text, "hello");
      await program.sessions(1);
      assert.equal(await program.stop(signal), 0);
      assert.ok(!program.lines.some(isDraining));
      assert.deepEqual([program.lines.at(-1)?.event, program.lines.at(-1)?.["sessions"]], ["stopped", 0]);
      assert.equal(program.stderr, "");
    });

    test("lets a session finish and takes no new one", async () => {
      await using target = await startEcho();
      await using program = await start(target, "1h");
      const client = await establish(program);
      program.process.kill(signal);
      assert.equal((await program.line(isDraining))["sessions"], 1);
      assert.equal((await visit(program.port("tcp"))).error, "ECONNREFUSED");
      assert.match((await visit(program.address("unix"))).error ?? "", /^(ENOENT|ECONNREFUSED)$/);
      await exchange(client, "after");
      client.end();
      assert.equal(await endOf(client), "eof");
      assert.equal(await program.exited(), 0);
      const [session] = await program.sessions(1);
      assert.deepEqual([session?.outcome, session?.bytesIn, session?.bytesOut], ["completed", 11, 11]);
    });

    test("ends what is left when the drain's deadline has come", async () => {
      await using target = await startEcho();
      await using program = await start(target, "300ms");
      const client = await establish(program);
      const sent = performance.now();
      program.process.kill(signal);
      // an error and not a clean end: the answer is not complete
      assert.equal(await endOf(client), "ECONNRESET");
      assert.ok(performance.now() - sent >= 300);
      assert.equal(await program.exited(), 0);
      const [session] = await program.sessions(1);
      assert.deepEqual([session?.outcome, session?.reason], ["drained", "the drain has run out of patience"]);
    });

    for (const second of ["SIGTERM", "SIGINT"] as const)
      test(`and a ${second} after it end the program at once`, async () => {
        await using target = await startEcho();
        await using program = await start(target, "1h");
        const client = await establish(program);
        program.process.kill(signal);
        await program.line(isDraining);
        program.process.kill(second);
        assert.equal(await endOf(client), "ECONNRESET");
        assert.equal(await program.exited(), 0);
        const [session] = await program.sessions(1);
        assert.deepEqual([session?.outcome, session?.reason], ["drained", "the program is stopped"]);
      });

    test("with drainTimeout 0 ends everything at once", async () => {
      await using target = await startEcho();
      await using program = await start(target, "0");
      const client = await establish(program);
      program.process.kill(signal);
      assert.equal(await endOf(client), "ECONNRESET");
      assert.equal(await program.exited(), 0);
    });
  });

suite("transfers under way", () => {
  for (const workers of [1, 2])
    test(`arrive whole through a drain, and HUP does not disturb it, with workers: ${workers}`, async () => {
      await using target = await startEcho();
      await using program = await startInstance(
        `{ workers: ${workers}, drainTimeout: 1h, tunnels: { a: { frontend: "127.0.0.1:0", backend: ${target.port} } } }`,
      );
      const port = program.port("a");
      const payload = randomBytesFor("drain", 8 * MiB);
      const transfers = await Promise.all(
        Array.from({ length: 5 }, async () => {
          const client = await openClient(port);
          const sent = send(client, payload).then(() => client.end());
          // nobody reads on: neither direction can come to its end
          await once(client, "readable");
          return { client, sent };
        }),
      );
      program.process.kill("SIGTERM");
      assert.equal((await program.line(isDraining))["sessions"], 5);
      program.process.kill("SIGHUP");
      while ((await visit(port)).error !== "ECONNREFUSED");
      const received = await Promise.all(transfers.map(({ client }) => receive(client)));
      assert.deepEqual(received, Array(5).fill(whole(payload)));
      await Promise.all(transfers.map(({ sent }) => sent));
      assert.equal(await program.exited(), 0);
      const ended = program.lines.filter(({ event, bytesIn }) => event === "session" && bytesIn === 8 * MiB);
      assert.deepEqual(
        ended.map(({ outcome, bytesOut }) => [outcome, bytesOut]),
        Array(5).fill(["completed", 8 * MiB]),
      );
    });
});

suite("a session that has not got far", () => {
  test("does not keep the program from its end after the drain's deadline while its target is dialled", async () => {
    await using program = await startInstance(
      // nobody answers at an address for documentation (RFC 5737); where there is no route, the dial fails at once
      '{ drainTimeout: 100ms, tunnels: { a: { frontend: "127.0.0.1:0", backend: { targets: [ "192.0.2.1:9" ], connect: { timeout: 1h } } } } }',
    );
    const client = await openClient(program.port("a"));
    client.on("error", () => {});
    program.process.kill("SIGTERM");
    assert.equal(await program.exited(), 0);
    const [session] = await program.sessions(1);
    assert.match(session?.outcome ?? "", /^(drained|connect-failed)$/);
    client.destroy();
  });
});

test("a reader of the log that goes away costs records, not the program, which still ends when it is asked to", async () => {
  await using target = await startOnce();
  await using instance = await startInstance(
    `tunnels: { web: { frontend: 127.0.0.1:0, backend: 127.0.0.1:${target.port} } }\n`,
  );
  instance.process.stdout?.destroy();
  for (let count = 0; count < 3; count++) {
    const { text } = await visit(instance.port("web"), { say: "hello" });
    assert.equal(text, "hello");
  }
  assert.equal(await instance.stop(), 0);
});
