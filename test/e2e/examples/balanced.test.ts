/** config/balanced.yaml: one address for two servers, of which one may be gone. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { suite, test } from "node:test";
import { exampleCertificates, startExample } from "../../support/examples.ts";
import { run } from "../../support/program.ts";
import { requires } from "../../support/requires.ts";

suite("config/balanced.yaml", requires("curl"), () => {
  async function setUp() {
    await using stack = new AsyncDisposableStack();
    const certificates = stack.use(exampleCertificates());
    const first = stack.use(await startWebServer("first"));
    const second = stack.use(await startWebServer("second"));
    const instance = stack.use(
      await startExample("balanced.yaml", {
        CERTS: certificates.dir,
        BALANCED_LISTEN: "127.0.0.1:0",
        FIRST: `127.0.0.1:${first.port}`,
        SECOND: `127.0.0.1:${second.port}`,
      }),
    );
    const ask = async (times: number) => {
      const answers: string[] = [];
      const url = `https://localhost:${instance.port("balanced")}/`;
      for (let count = 0; count < times; count++)
        answers.push((await run("curl", ["-sS", "--cacert", certificates.ca, url])).text);
      return answers;
    };
    const owned = stack.move();
    return { first, second, instance, ask, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  }

  test("two servers take turns", async () => {
    await using setup = await setUp();
    assert.deepEqual(await setup.ask(4), ["first", "second", "first", "second"]);
  });

  test("every request is answered while one server is gone", async () => {
    await using setup = await setUp();
    const { first, second, instance, ask } = setup;
    await first[Symbol.asyncDispose]();
    assert.deepEqual(await ask(4), ["second", "second", "second", "second"]);
    for (const { attempts, target, outcome } of await instance.sessions(4)) {
      assert.deepEqual({ target, outcome }, { target: `127.0.0.1:${second.port}`, outcome: "completed" });
      assert.ok(attempts <= 2);
    }
  });

  test("a request fails with the reasons of both when both are gone", async () => {
    await using setup = await setUp();
    const { first, second, instance, ask } = setup;
    await first[Symbol.asyncDispose]();
    await second[Symbol.asyncDispose]();
    assert.match((await ask(1))[0] ?? "", /^curl: /);
    const [session] = await instance.sessions(1);
    assert.equal(session?.outcome, "connect-failed");
    for (const { port } of [first, second])
      assert.match(session?.reason ?? "", new RegExp(`${port}: connection refused`));
  });
});

async function startWebServer(name: string) {
  const server = createServer((_, response) => {
    response.setHeader("connection", "close").end(name);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
