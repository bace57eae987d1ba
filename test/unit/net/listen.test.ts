/** Listening, apart from what the whole program does with it: what is promised to whoever gets the listener and its sockets. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { describe, it } from "node:test";
import type { Address } from "../../../src/core/address.ts";
import { ListenError, type Listener, listen } from "../../../src/net/listen.ts";
import { writeFiles } from "../../support/certificates.ts";
import { requires, toolPath } from "../../support/requires.ts";
import { connectOptions } from "../../support/visit.ts";

const local: Address = { kind: "tcp", host: "127.0.0.1", port: 0 };

/** Listens and hands out what is accepted. */
async function start(address: Address, { unixMode = 0o600, bulk = false } = {}) {
  const accepted: { socket: Socket; local: Address }[] = [];
  const waiting: (() => void)[] = [];
  const onConnection = (socket: Socket, at: Address) => {
    socket.on("error", () => {});
    accepted.push({ socket, local: at });
    for (const wake of waiting.splice(0)) wake();
  };
  const listener: Listener = await listen(address, { unixMode, onConnection, bulk: () => bulk });
  return {
    listener,
    next: async () => {
      while (accepted.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
      return accepted.shift() as { socket: Socket; local: Address };
    },
    [Symbol.dispose]: () => listener.close(),
  };
}

describe("a listener", () => {
  it("knows the port that it was given for port 0, and tells it with each connection", async () => {
    using server = await start(local);
    const { address } = server.listener;
    assert.ok(address.kind === "tcp" && address.port > 0);
    const client = connect(connectOptions(address));
    const { socket, local: at } = await server.next();
    assert.deepEqual(at, address);
    client.destroy();
    socket.destroy();
  });

  it("hands out sockets that have not begun to read, so that no byte is lost", async () => {
    using server = await start(local);
    const client = connect(connectOptions(server.listener.address));
    client.write("first");
    const { socket } = await server.next();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual([socket.bytesRead, socket.isPaused()], [0, true]);
    socket.resume();
    assert.equal(String((await once(socket, "data"))[0]), "first");
    client.destroy();
    socket.destroy();
  });

  it("hands out sockets whose one side may end alone", async () => {
    using server = await start(local);
    const client = connect(connectOptions(server.listener.address));
    client.end("question");
    const { socket } = await server.next();
    socket.resume();
    await once(socket, "end");
    socket.end("answer");
    assert.equal(String((await once(client, "data"))[0]), "answer");
  });

  it("that is closed takes nobody, leaves the others alone, and may be closed again", async () => {
    using server = await start(local);
    const { address } = server.listener;
    const client = connect(connectOptions(address));
    const { socket } = await server.next();
    server.listener.close();
    server.listener.close();
    const late = connect(connectOptions(address));
    const [error] = (await once(late, "error").catch((thrown: unknown) => [thrown])) as [
      NodeJS.ErrnoException,
    ];
    assert.equal(error.code, "ECONNREFUSED");
    socket.write("still here");
    assert.equal(String((await once(client, "data"))[0]), "still here");
    client.destroy();
    socket.destroy();
  });

  it("that cannot listen says where and why", async () => {
    using server = await start(local);
    await assert.rejects(start(server.listener.address), (error: unknown) => {
      assert.ok(error instanceof ListenError);
      assert.equal(error.code, "EADDRINUSE");
      assert.match(
        error.message,
        /^cannot listen on 127\.0\.0\.1:\d+: address already in use \(EADDRINUSE\)$/,
      );
      return true;
    });
  });

  it("on a unix socket sets its mode whatever the umask, and leaves the umask as it was", async () => {
    using files = writeFiles({});
    const umask = process.umask(0o027);
    try {
      for (const mode of [0o600, 0o666, 0o770]) {
        const path = files.path(`${mode}.sock`);
        using _ = await start({ kind: "unix", path }, { unixMode: mode });
        assert.equal(statSync(path).mode & 0o777, mode);
        assert.equal(process.umask(), 0o027);
      }
    } finally {
      process.umask(umask);
    }
  });

  it("that starts on a unix socket at the same time as another does not steal it", async () => {
    using files = writeFiles({});
    const path = files.path("x.sock");
    const results = await Promise.allSettled([start({ kind: "unix", path }), start({ kind: "unix", path })]);
    const started = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    assert.equal(started.length, 1);
    assert.ok(existsSync(path));
    const client = connect(path);
    const { socket } = (await started[0]?.next()) ?? {};
    assert.ok(socket);
    client.destroy();
    socket.destroy();
    for (const one of started) one.listener.close();
  });
});

describe("what a listener accepts", requires("ss"), () => {
  for (const bulk of [false, true])
    it(`is asked by the kernel whether it is still there${bulk ? ", read in bulk too" : ""}`, async () => {
      using server = await start(local, { bulk });
      const { address } = server.listener;
      assert.ok(address.kind === "tcp");
      const client = connect(connectOptions(address));
      const { socket } = await server.next();
      const filter = ["state", "established", "sport", "=", `:${address.port}`];
      const shown = execFileSync(toolPath("ss"), ["-Htno", ...filter], { encoding: "utf8" });
      assert.match(shown, /timer:\(keepalive,(29|30)/);
      client.destroy();
      socket.destroy();
    });
});
