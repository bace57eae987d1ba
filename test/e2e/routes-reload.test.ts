/** Routes of a running program: what is tightened, renewed, added or removed holds at once, and costs no other route a session. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { suite, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { connect as tlsConnect } from "node:tls";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startNamed, startSigned } from "../support/echo.ts";
import { sClient } from "../support/openssl.ts";
import { freePort } from "../support/ports.ts";
import { startReloadable } from "../support/reloadable.ts";
import { requires } from "../support/requires.ts";

const authority = testAuthority();
const clients = { one: testAuthority("Clients one"), two: testAuthority("Clients two") };
const server = authority.issue({
  cn: "default.test",
  sans: ["default.test", "a.test", "b.test", "strict.test"],
});
const files = { "server.crt": server.chain, "server.key": server.key };

interface RouteOf {
  readonly name: string;
  readonly tls?: string;
  readonly backend: number;
}

interface Written {
  readonly workers: number;
  readonly port: number;
  readonly backend: number;
  readonly routes: readonly RouteOf[];
}

function yamlOf({ workers, port, backend, routes }: Written): string {
  const lines = routes.map(
    ({ name, tls = "cert: server.crt, key: server.key", backend }) =>
      `      - { match: { serverName: ${name}.test }, tls: { ${tls} }, backend: 127.0.0.1:${backend} }\n`,
  );
  return `workers: ${workers}
tunnels:
  web:
    frontend: { listen: 127.0.0.1:${port}, tls: { cert: server.crt, key: server.key } }
    backend: 127.0.0.1:${backend}
    routes:
${lines.join("")}`;
}

/** The names in the certificate that is shown to who asks for this one. */
async function shownAt(port: number, servername: string): Promise<string | undefined> {
  const socket = tlsConnect({ host: "127.0.0.1", port, servername, rejectUnauthorized: false });
  socket.on("error", () => {});
  await once(socket, "secureConnect");
  const names = socket.getPeerCertificate().subjectaltname;
  socket.destroy();
  return names;
}

/** A client that stays, with a name of its target's own and an echo. */
async function stay(port: number, servername: string) {
  const socket = tlsConnect({ host: "127.0.0.1", port, servername, rejectUnauthorized: false });
  socket.on("error", () => {});
  const next = async () => String((await once(socket, "data", { signal: AbortSignal.timeout(20_000) }))[0]);
  const greeting = await next();
  return {
    greeting,
    async says(text: string): Promise<string> {
      const answer = next();
      socket.write(text);
      return await answer;
    },
    [Symbol.dispose]: () => socket.destroy(),
  };
}

suite("routes that are reloaded", { ...requires("openssl"), concurrency: 2 }, () => {
  for (const [workers, by] of [
    [1, "another file"],
    [2, "another file"],
    [2, "the same file"],
  ] as const)
    test(`sessions of a route do not outlive its CA: ${by}, workers: ${workers}`, async () => {
      await using strict = await startSigned("strict");
      await using other = await startSigned("default");
      const port = await freePort();
      const yaml = (ca: string) =>
        yamlOf({
          ...{ workers, port, backend: other.port },
          routes: [
            {
              name: "strict",
              tls: `cert: server.crt, key: server.key, client: { verify: required, ca: ${ca} }`,
              backend: strict.port,
            },
          ],
        });
      await using program = await startReloadable(yaml("one.crt"), {
        ...{ ...files, "one.crt": clients.one.cert, "two.crt": clients.two.cert },
      });
      const [one, two] = [clients.one.issue({ cn: "client" }), clients.two.issue({ cn: "client" })];
      using own = writeFiles({
        "1.crt": one.chain,
        "1.key": one.key,
        "2.crt": two.chain,
        "2.key": two.key,
      });
      const shown = (who: 1 | 2) => ["-cert", own.path(`${who}.crt`), "-key", own.path(`${who}.key`)];
      const talk = async (version: string, args: readonly string[]) => {
        const { text } = await sClient(port, [`-tls${version}`, "-servername", "strict.test", ...args]);
        return { text, at: /here is (\w+)/.exec(text)?.[1], reused: /^Reused, TLS/m.test(text) };
      };
      const versions = ["1_2", "1_3"];
      for (const version of versions) {
        const session = own.path(version);
        const first = await talk(version, [...shown(1), "-sess_out", session]);
        assert.deepEqual([first.at, first.reused, existsSync(session)], ["strict", false, true], first.text);
        const again = await talk(version, ["-sess_in", session]);
        assert.deepEqual([again.at, again.reused], ["strict", true], again.text);
      }

      if (by === "the same file") writeFileSync(program.path("one.crt"), clients.two.cert);
      const answer = await program.reload(by === "another file" ? yaml("two.crt") : undefined);
      assert.equal(answer.event, "config-applied");

      // more than once, for each worker to be met
      for (const version of versions)
        for (let count = 0; count < 2 * workers; count++)
          for (const client of [[], shown(1)]) {
            const old = await talk(version, [...client, "-sess_in", own.path(version)]);
            assert.deepEqual([old.at, old.reused], [undefined, false], old.text);
          }
      for (const version of versions) {
        const session = own.path(`new-${version}`);
        const fresh = await talk(version, [...shown(2), "-sess_out", session]);
        assert.equal(fresh.at, "strict", fresh.text);
        const again = await talk(version, ["-sess_in", session]);
        assert.deepEqual([again.at, again.reused], ["strict", true], again.text);
      }
    });

  test("a route shows its renewed certificate by itself, in every worker", async () => {
    await using target = await startSigned("a");
    const port = await freePort();
    const [first, next] = [
      authority.issue({ cn: "a.test" }),
      authority.issue({ cn: "a.test", sans: ["a.test", "new.test"] }),
    ];
    const routes = [{ name: "a", tls: "cert: a.crt, key: a.key", backend: target.port }];
    await using program = await startReloadable(yamlOf({ workers: 2, port, backend: target.port, routes }), {
      ...{ ...files, "a.crt": first.chain, "a.key": first.key },
    });
    const [before, others] = [await shownAt(port, "a.test"), await shownAt(port, "unknown.test")];
    assert.equal(before, "DNS:a.test");
    writeFileSync(program.path("a.crt"), next.chain);
    writeFileSync(program.path("a.key"), next.key);
    const applied = await program.instance.line(({ event }) => event === "material-applied");
    assert.deepEqual(applied["tunnels"], ["web"]);
    // all of them within the time, then never the old one again
    const names = async () =>
      new Set(await Promise.all(Array.from({ length: 10 }, () => shownAt(port, "a.test"))));
    for (const deadline = Date.now() + 20_000; (await names()).has(before); await delay(20))
      assert.ok(Date.now() < deadline, "the old certificate is still shown");
    assert.deepEqual(await names(), new Set(["DNS:a.test, DNS:new.test"]));
    assert.equal(await shownAt(port, "unknown.test"), others);
  });

  test("a route comes and goes while a session of another one goes on", async () => {
    await using a = await startNamed("a");
    await using b = await startNamed("b");
    await using other = await startNamed("default");
    const port = await freePort();
    const common = { workers: 2, port, backend: other.port };
    const [routeA, routeB] = [
      { name: "a", backend: a.port },
      { name: "b", backend: b.port },
    ];
    const without = yamlOf({ ...common, routes: [routeA] });
    await using program = await startReloadable(without, files);
    const greeted = async (name: string) => {
      using client = await stay(port, `${name}.test`);
      return client.greeting;
    };
    using staying = await stay(port, "a.test");
    assert.equal(staying.greeting, "a\n");
    assert.equal(await greeted("b"), "default\n");
    // ahead of the other one, which changes its place
    const added = await program.reload(yamlOf({ ...common, routes: [routeB, routeA] }));
    assert.equal(added.event, "config-applied");
    assert.deepEqual([await greeted("b"), await greeted("a")], ["b\n", "a\n"]);
    assert.equal(await staying.says("still"), "still");
    using leftOver = await stay(port, "b.test");
    const removed = await program.reload(without);
    assert.equal(removed.event, "config-applied");
    assert.deepEqual([await greeted("b"), await greeted("a")], ["default\n", "a\n"]);
    assert.equal(await staying.says("and on"), "and on");
    // nor does a session of the removed route end
    assert.equal(await leftOver.says("me too"), "me too");
  });
});
