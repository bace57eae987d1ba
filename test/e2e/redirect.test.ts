/**
 * stunnel's `redirect` let unverified clients through three times: on a resumed session (5.14, CVE-2015-3644), when verification had
 * failed but the chain had been asked for (5.57), and when there was nothing to verify (5.58). So every mode is tried with every kind of
 * client, in both versions, new, resumed, and resumed by somebody who shows nothing.
 */
import assert from "node:assert/strict";
import { constants } from "node:crypto";
import { after, before, suite, test } from "node:test";
import { testAuthority } from "../support/certificates.ts";
import { startNamed, type TestTarget } from "../support/echo.ts";
import { samples } from "../support/health.ts";
import { startInProcess } from "../support/in-process.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { sessionOf, visit } from "../support/visit.ts";

const day = 86_400_000;
const server = testAuthority("Servers").issue();
const authority = testAuthority("Clients");
const good = authority.issue({ cn: "good" });

interface Identity {
  readonly chain: string;
  readonly key: string;
}

const clients: Readonly<Record<string, Identity | undefined>> = {
  good,
  "not allowed": authority.issue({ cn: "other" }),
  expired: authority.issue({ cn: "good", notBefore: new Date(Date.now() - 9 * day), days: 8 }),
  "of another authority": testAuthority("Others").issue({ cn: "good" }),
  "for servers": authority.issue({ cn: "good", usage: "server" }),
  "without certificate": undefined,
};

/** By mode: who gets to the real target. */
const real: Readonly<Record<string, readonly string[]>> = {
  required: ["good"],
  optional: ["good", "without certificate"],
  pinned: ["good"],
};

const blocks: Readonly<Record<string, string>> = {
  required: "ca: ca.crt, allow: { cn: [ good ] }",
  optional: "verify: optional, ca: ca.crt, allow: { cn: [ good ] }",
  pinned: `allow: { certificates: good.crt }`,
};

suite("redirect", { concurrency: 8 }, () => {
  let targets: { readonly inside: TestTarget; readonly outside: TestTarget };
  let program: Instance;

  before(async () => {
    targets = { inside: await startNamed("inside"), outside: await startNamed("outside") };
    const tunnels = Object.entries(blocks).flatMap(([mode, client]) =>
      [true, false].map(
        (tickets) => `
  ${mode}-${tickets ? "tickets" : "none"}:
    frontend:
      listen: 127.0.0.1:0
      tls:
        cert: server.crt
        key: server.key
        session: { tickets: ${tickets} }
        client: { ${client}, redirect: "127.0.0.1:${targets.outside.port}" }
    backend: ${targets.inside.port}`,
      ),
    );
    const head = "log: { rejections: 0 }\nmetrics: { listen: 127.0.0.1:0 }\n";
    program = await startInstance(`${head}tunnels:${tunnels.join("")}`, {
      "server.crt": server.chain,
      "server.key": server.key,
      "ca.crt": authority.cert,
      "good.crt": good.cert,
    });
  });

  after(async () => {
    await program[Symbol.asyncDispose]();
    await targets.inside.close();
    await targets.outside.close();
  });

  async function knock(tunnel: string, identity: Identity | undefined, tls: Knocking) {
    const shown = identity && { cert: identity.chain, key: identity.key };
    const visited = await visit(program.port(tunnel), { tls: { ...shown, ...tls } });
    const line = await sessionOf(program, visited);
    assert.equal(line.outcome, "completed", String(line.reason));
    // what the log says of the redirect must be what has happened
    assert.equal(line["redirected"] !== undefined, visited.text.startsWith("outside"));
    return { visited, line, where: visited.text.replace(/\n.*/s, "") };
  }

  for (const mode of Object.keys(blocks))
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const)
      for (const [who, identity] of Object.entries(clients)) {
        const expected = real[mode]?.includes(who) ? "inside" : "outside";

        test(`${mode}, ${maxVersion}: a client ${who} gets ${expected}, new and resumed`, async () => {
          const first = await knock(`${mode}-tickets`, identity, { maxVersion });
          assert.equal(first.where, expected);
          const session = first.visited.tls?.session;
          assert.ok(session, "no ticket was given");
          const again = await knock(`${mode}-tickets`, identity, { maxVersion, session });
          assert.deepEqual([again.where, again.line.tls?.resumed], [expected, true]);
          // whoever holds the ticket is whom it was given to
          const bare = await knock(`${mode}-tickets`, undefined, { maxVersion, session });
          assert.equal(bare.where, expected);
          const without = await knock(`${mode}-none`, identity, { maxVersion });
          assert.equal(without.where, expected);
        });

        if (maxVersion === "TLSv1.2")
          test(`${mode}, TLSv1.2: a client ${who} gets ${expected}, resumed by session id`, async () => {
            const tls: Knocking = { maxVersion, secureOptions: constants.SSL_OP_NO_TICKET };
            const first = await knock(`${mode}-tickets`, identity, tls);
            const session = first.visited.tls?.session;
            assert.ok(session, "no session was given");
            const again = await knock(`${mode}-tickets`, identity, { ...tls, session });
            const bare = await knock(`${mode}-tickets`, undefined, { ...tls, session });
            for (const { where, line } of [again, bare])
              assert.deepEqual([where, line.tls?.resumed], [expected, true]);
          });

        test(`${mode}, ${maxVersion}: a client ${who} gains nothing by a ticket of another tunnel`, async () => {
          for (const other of Object.keys(blocks)) {
            if (other === mode) continue;
            const { visited } = await knock(`${other}-tickets`, good, { maxVersion });
            const session = visited.tls?.session;
            assert.ok(session);
            const { where, line } = await knock(`${mode}-tickets`, identity, { maxVersion, session });
            assert.deepEqual([where, line.tls?.resumed], [expected, false]);
          }
        });
      }

  test("the reason is in the log and its label in the metrics", async () => {
    const { line } = await knock("required-tickets", clients["expired"], { maxVersion: "TLSv1.3" });
    assert.match(String(line["redirected"]), /^client certificate: the certificate has expired/);
    assert.equal(line.target, `127.0.0.1:${targets.outside.port}`);
    const counted = await samples(program, "equilibria_redirected_total");
    assert.ok(
      (counted['tunnel="required-tickets",reason="CERT_HAS_EXPIRED"'] ?? 0) > 0,
      JSON.stringify(counted),
    );
  });

  test("who is sent elsewhere is not asked, inside TLS, where it wants to go", async () => {
    const client = `verify: optional, ca: ca.crt, allow: { cn: [ good ] }, redirect: "127.0.0.1:${targets.outside.port}"`;
    await using tunnel = await startInProcess(
      `
tunnels:
  way-out:
    frontend:
      listen: 127.0.0.1:0
      negotiate: { protocol: socks, allow: [ 127.0.0.1 ] }
      tls: { cert: server.crt, key: server.key, client: { ${client} } }
    backend: { destination: true }`,
      { "server.crt": server.chain, "server.key": server.key, "ca.crt": authority.cert },
    );
    const { chain: cert, key } = authority.issue({ cn: "other" });
    const { text } = await visit(tunnel.port("way-out"), { tls: { cert, key } });
    assert.match(text, /^outside\n/);
    const [session] = await tunnel.sessions(1);
    assert.equal(session?.outcome, "completed");
  });
});

interface Knocking {
  readonly maxVersion: "TLSv1.2" | "TLSv1.3";
  readonly session?: Buffer;
  readonly secureOptions?: number;
}
