/**
 * `allow` and pins for targets: a certificate of the right authority for the right name may still be the wrong machine's, and a
 * pin must hold on resumed sessions too, where Node does not look at the certificate again.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { identify } from "../../src/tls/peer.ts";
import { testAuthority } from "../support/certificates.ts";
import { startEcho, type TestTarget } from "../support/echo.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { visit } from "../support/visit.ts";

const day = 86_400_000;
const authority = testAuthority("Servers");
const web = authority.issue({ cn: "localhost", sans: ["localhost", "spiffe://example.org/web"] });
const db = authority.issue({ cn: "localhost", ou: "Databases", sans: ["localhost"] });
const nameless = testAuthority("Nobody").issue({ cn: "appliance", sans: [] });
const expired = authority.issue({ notBefore: new Date(Date.now() - 9 * day), days: 8 });
const servers = { web, db, nameless, expired };
const pinOf = (server: typeof web) => identify(server.certificate);

/** By tunnel: its `tls` block, and which targets it takes. */
const tunnels: Readonly<Record<string, { readonly tls: string; readonly takes: readonly string[] }>> = {
  any: { tls: "ca: ca.crt, serverName: localhost", takes: ["web", "db"] },
  uri: {
    tls: 'ca: ca.crt, serverName: localhost, allow: { uri: [ "spiffe://example.org/*" ] }',
    takes: ["web"],
  },
  ou: { tls: "ca: ca.crt, verify: chain, allow: { ou: [ Databases ] }", takes: ["db"] },
  fingerprint: {
    tls: `verify: pin, allow: { fingerprint: [ "${pinOf(web).fingerprint}", "${pinOf(expired).fingerprint}" ] }`,
    takes: ["web"],
  },
  spki: { tls: `verify: pin, allow: { spki: [ "${pinOf(nameless).spki}" ] }`, takes: ["nameless"] },
  file: { tls: "verify: pin, allow: { certificates: db.crt }", takes: ["db"] },
};

suite("allowed targets", { concurrency: 8 }, () => {
  const targets: Record<string, TestTarget> = {};
  let program: Instance;

  before(async () => {
    for (const [name, { chain, key }] of Object.entries(servers))
      targets[name] = await startEcho({ cert: chain, key });
    const yaml = Object.entries(tunnels).flatMap(([tunnel, { tls }]) =>
      Object.entries(targets).map(
        ([target, { port }]) => `
  ${tunnel}-${target}:
    frontend: 127.0.0.1:0
    backend: { targets: [ ${port} ], tls: { ${tls} } }`,
      ),
    );
    const files = { "ca.crt": authority.cert, "db.crt": db.cert };
    program = await startInstance(`tunnels:${yaml.join("")}`, files);
  });

  after(async () => {
    await program[Symbol.asyncDispose]();
    for (const target of Object.values(targets)) await target.close();
  });

  for (const [tunnel, { takes }] of Object.entries(tunnels))
    test(`${tunnel}: only ${takes.join(", ")}, new and resumed`, async () => {
      for (const target of Object.keys(servers)) {
        const isTaken = takes.includes(target);
        const resumed: unknown[] = [];
        for (const count of [1, 2]) {
          const visited = await visit(program.port(`${tunnel}-${target}`));
          // by the tunnel's name: a plain client that is closed at once may not know its own port any more
          const line = (await program.sessions(count, `${tunnel}-${target}`)).at(count - 1);
          assert.ok(line);
          const outcome = isTaken ? "completed" : "connect-failed";
          assert.deepEqual(
            [visited.text, line.outcome],
            [isTaken ? "hello" : "", outcome],
            String(line.reason),
          );
          resumed.push((line["targetTls"] as { resumed: boolean } | undefined)?.resumed);
        }
        if (isTaken) assert.deepEqual(resumed, [false, true]);
      }
    });

  test("the reason is in the log of those that were refused", async () => {
    const reasons = { uri: "db", fingerprint: "expired" };
    const said: string[] = [];
    for (const [tunnel, target] of Object.entries(reasons)) {
      const [line] = await program.sessions(1, `${tunnel}-${target}`);
      said.push(line?.reason ?? "");
    }
    assert.match(said[0] ?? "", /server certificate: it is none of those that "allow" names/);
    assert.match(said[1] ?? "", /server certificate: the certificate has expired/);
  });
});
