/**
 * When the rules become stricter, what was given under the old ones must be worth nothing: not a ticket, not with a secret that the
 * whole fleet shares, not on another worker. And when our own identity changes, no target may be met under the old one.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { suite, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { testAuthority } from "../support/certificates.ts";
import { startOnce, startTarget } from "../support/echo.ts";
import { freePort } from "../support/ports.ts";
import { type Reloadable, startReloadable } from "../support/reloadable.ts";
import { visit } from "../support/visit.ts";

const servers = testAuthority("Servers");
const server = servers.issue();
const authority = testAuthority("Clients");
const next = testAuthority("Next clients");
const alice = authority.issue({ cn: "alice" });
const bob = authority.issue({ cn: "bob" });
const versions = ["TLSv1.2", "TLSv1.3"] as const;
type Version = (typeof versions)[number];

const files = {
  "server.crt": server.chain,
  "server.key": server.key,
  "ca.crt": authority.cert,
  "tickets.key": randomBytes(48),
};

/** What was let in before, and is refused afterwards, each with what the change is. */
const changes: Readonly<
  Record<string, { readonly before: string; readonly after: string; change?(program: Reloadable): void }>
> = {
  "allow is narrowed": {
    before: "client: { ca: ca.crt, allow: { cn: [ alice, bob ] } }",
    after: "client: { ca: ca.crt, allow: { cn: [ bob ] } }",
  },
  "the authority is replaced": {
    before: "client: { ca: ca.crt }",
    after: "client: { ca: ca.crt }",
    change: (program) => writeFileSync(program.path("ca.crt"), next.cert),
  },
  "certificates are asked for": {
    before: "",
    after: "client: { ca: ca.crt, allow: { cn: [ bob ] } }",
  },
  "the authority gives way to pins": {
    before: "client: { ca: ca.crt }",
    after: `client: { allow: { fingerprint: [ "sha256:${"0".repeat(64)}" ] } }`,
  },
};

suite("stricter rules", { concurrency: 2 }, () => {
  for (const [what, { before, after, change }] of Object.entries(changes))
    for (const workers of [1, 2])
      test(`are not evaded with an old session when ${what} (workers: ${workers})`, async () => {
        await using target = await startOnce();
        const port = await freePort();
        const yaml = (rules: string) =>
          `workers: ${workers}\ntunnels:\n  web:\n    frontend: { listen: ${port}, tls: { cert: server.crt, key: server.key, session: { keys: tickets.key }, ${rules} } }\n    backend: ${target.port}\n`;
        await using program = await startReloadable(yaml(before), files);
        const enter = (maxVersion: Version, session?: Buffer) =>
          visit(port, {
            tls: { maxVersion, cert: alice.chain, key: alice.key, ...(session ? { session } : {}) },
          });
        const sessions = new Map<Version, Buffer>();
        for (const version of versions) {
          const { text, tls } = await enter(version);
          assert.deepEqual([text, tls?.session !== undefined], ["hello", true]);
          if (tls?.session) sessions.set(version, tls.session);
          // the same session opens the door as long as the rules stay
          assert.equal((await enter(version, tls?.session)).tls?.reused, true);
        }
        change?.(program);
        assert.equal((await program.reload(yaml(after))).event, "config-applied");
        const reached = target.sockets.length;
        for (const [version, session] of sessions)
          for (let times = 0; times < 2 * workers; times++) {
            const { text, tls } = await enter(version, session);
            assert.deepEqual([text, tls?.reused ?? false], ["", false]);
          }
        assert.equal(target.sockets.length, reached);
      });

  test("leave those their sessions whom they do not touch", async () => {
    await using target = await startOnce();
    const port = await freePort();
    const yaml = (idle: string) =>
      `tunnels:\n  web:\n    frontend: { listen: ${port}, timeouts: { idle: ${idle} }, tls: { cert: server.crt, key: server.key, session: { keys: tickets.key }, client: { ca: ca.crt } } }\n    backend: ${target.port}\n`;
    await using program = await startReloadable(yaml("1h"), files);
    const tls = { cert: bob.chain, key: bob.key };
    const first = await visit(port, { tls });
    await program.reload(yaml("2h"));
    const session = first.tls?.session;
    assert.ok(session);
    const again = await visit(port, { tls: { ...tls, session } });
    assert.deepEqual([again.text, again.tls?.reused], ["hello", true]);
  });
});

suite("sessions with targets", { concurrency: 2 }, () => {
  for (const version of versions)
    test(`${version}: one that began as alice is never used as bob`, async () => {
      const met: (readonly [string, boolean])[] = [];
      await using target = await startTarget(
        (socket) => {
          const secure = socket as TLSSocket;
          const subject = secure.getPeerX509Certificate()?.subject ?? "nobody";
          met.push([subject, secure.isSessionReused()]);
          socket.once("data", (bytes) => socket.end(bytes));
        },
        {
          ...{ cert: server.chain, key: server.key, ca: [authority.cert] },
          ...{ requestCert: true, rejectUnauthorized: false, maxVersion: version },
        },
      );
      const ports = { a: await freePort(), b: await freePort() };
      const tunnel = (name: string, port: number, who: string) =>
        `  ${name}:\n    frontend: ${port}\n    backend: { targets: [ ${target.port} ], tls: { verify: chain, ca: servers.crt, cert: ${who}.crt, key: ${who}.key } }\n`;
      const yaml = (a: string) => `tunnels:\n${tunnel("a", ports.a, a)}${tunnel("b", ports.b, "bob")}`;
      await using program = await startReloadable(yaml("alice"), {
        "servers.crt": servers.cert,
        "alice.crt": alice.chain,
        "alice.key": alice.key,
        "bob.crt": bob.chain,
        "bob.key": bob.key,
      });
      const say = async (port: number) => assert.equal((await visit(port)).text, "hello");
      await say(ports.a);
      await say(ports.a);
      await say(ports.b);
      assert.equal((await program.reload(yaml("bob"))).event, "config-applied");
      await say(ports.a);
      // the file of the identity changes, its name does not
      writeFileSync(program.path("bob.crt"), alice.chain);
      writeFileSync(program.path("bob.key"), alice.key);
      assert.equal((await program.reload()).event, "config-applied");
      await say(ports.a);
      assert.deepEqual(met, [
        ["CN=alice", false],
        ["CN=alice", true],
        ["CN=bob", false],
        ["CN=bob", false],
        ["CN=alice", false],
      ]);
    });
});
