/**
 * Behind a load balancer the next connection of a client comes to another machine. With a secret in common its session goes on there;
 * and without one, or under other rules, it must not: a session stands for a certificate that nobody shows again.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, suite, test } from "node:test";
import { certsCommand } from "../../src/cli/certs.ts";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startOnce, type TestTarget } from "../support/echo.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { sClient } from "../support/openssl.ts";
import { requires } from "../support/requires.ts";
import { sessionOf, visit } from "../support/visit.ts";

const authority = testAuthority();
const clients = testAuthority("Clients");
const alice = clients.issue({ cn: "alice" });

suite("sessions in a fleet", requires("openssl"), () => {
  let target: TestTarget;
  const machines: Instance[] = [];
  const files = writeFiles({});

  before(async () => {
    target = await startOnce();
    await certsCommand(() => {}).parseAsync(["ticket-key", files.path("tickets.key")], { from: "user" });
    const secret = readFileSync(files.path("tickets.key"));
    const keys = [secret, secret, randomBytes(48)];
    for (const key of keys) {
      // each machine has a certificate of its own
      const server = authority.issue();
      const tunnel = (name: string, more: string) => `
  ${name}:
    frontend: { listen: "127.0.0.1:0", tls: { cert: server.crt, key: server.key, session: { keys: tickets.key }, ${more} } }
    backend: ${target.port}`;
      // the second machine wants to know its clients better
      const rules = machines.length === 0 ? "" : ", allow: { cn: [ alice ] }";
      const yaml = [
        tunnel("plain", ""),
        tunnel("mutual", "client: { ca: ca.crt }"),
        tunnel("changed", `client: { ca: ca.crt${rules} }`),
      ];
      machines.push(
        await startInstance(`tunnels:${yaml.join("")}`, {
          "server.crt": server.chain,
          "server.key": server.key,
          "ca.crt": clients.cert,
          "tickets.key": key,
        }),
      );
    }
  });

  after(async () => {
    for (const machine of machines) await machine[Symbol.asyncDispose]();
    await target.close();
    files[Symbol.dispose]();
  });

  /** Whether what the first machine gave is resumed by another one. */
  async function resumes(tunnel: readonly [string, string], to: number, maxVersion: "TLSv1.2" | "TLSv1.3") {
    const [first, other] = [machines[0], machines[to]];
    assert.ok(first && other);
    const tls = { maxVersion, cert: alice.chain, key: alice.key };
    const got = await visit(first.port(tunnel[0]), { tls });
    const session = got.tls?.session;
    assert.deepEqual([got.text, session !== undefined], ["hello", true]);
    const again = await visit(other.port(tunnel[1]), { tls: { ...tls, ...(session ? { session } : {}) } });
    assert.equal(again.text, "hello");
    const line = await sessionOf(other, again);
    assert.equal(line.tls?.resumed, again.tls?.reused);
    if (tunnel[1] !== "plain") assert.equal(line.tls?.client?.subject, "CN=alice");
    return again.tls?.reused;
  }

  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    test(`${version}: another machine with the same secret goes on with a session`, async () => {
      assert.equal(await resumes(["plain", "plain"], 1, version), true);
      assert.equal(await resumes(["mutual", "mutual"], 1, version), true);
    });

    test(`${version}: one with another secret does not`, async () => {
      assert.equal(await resumes(["plain", "plain"], 2, version), false);
      assert.equal(await resumes(["mutual", "mutual"], 2, version), false);
    });

    test(`${version}: one with other rules does not, nor another tunnel`, async () => {
      assert.equal(await resumes(["changed", "changed"], 1, version), false);
      assert.equal(await resumes(["plain", "mutual"], 1, version), false);
      assert.equal(await resumes(["mutual", "plain"], 1, version), false);
    });
  }

  test("TLS 1.2: a client without tickets resumes by its session id, on the same machine and tunnel only", async () => {
    const [first, second] = machines;
    assert.ok(first && second);
    const stored = files.path("by-id.session");
    const client = writeFiles({ cert: alice.chain, key: alice.key });
    const args = ["-tls1_2", "-no_ticket", "-cert", client.path("cert"), "-key", client.path("key")];
    const kind = async (machine: Instance, tunnel: string) => {
      const { text } = await sClient(machine.port(tunnel), [...args, "-sess_in", stored]);
      assert.match(text, /\nhello\n/);
      return /^(New|Reused), TLS/m.exec(text)?.[1];
    };
    const { text } = await sClient(first.port("mutual"), [...args, "-sess_out", stored]);
    assert.match(text, /^New, TLS/m);
    assert.equal(await kind(first, "mutual"), "Reused");
    const line = await first.line((one) => (one as { tls?: { resumed?: boolean } }).tls?.resumed === true);
    assert.partialDeepStrictEqual(line, { tls: { client: { subject: "CN=alice", verified: true } } });
    assert.equal(await kind(first, "plain"), "New");
    assert.equal(await kind(first, "changed"), "New");
    assert.equal(await kind(second, "mutual"), "New");
    client[Symbol.dispose]();
  });
});
