/**
 * `allow` decides who of all that an authority has signed may come in. Each kind of name must open for itself and for nothing that
 * only reads like it, in both versions, on a resumed session too; and a pin must open without any authority.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { spkiOf } from "../../src/tls/peer.ts";
import { testAuthority } from "../support/certificates.ts";
import { startEcho, type TestTarget } from "../support/echo.ts";
import { samples } from "../support/health.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { issueOddly, selfSigned } from "../support/openssl.ts";
import { requires } from "../support/requires.ts";
import { sessionOf, visit } from "../support/visit.ts";

const day = 86_400_000;
const server = testAuthority("Servers").issue();
const authority = testAuthority("Clients");
const alice = authority.issue({ cn: "Alice", ou: "Ops", sans: ["alice@example.com"] });
const web = authority.issue({ cn: "web", sans: ["spiffe://example.org/web/7"] });
const host = authority.issue({ cn: "host", sans: ["a.example.com", "192.0.2.7"] });
const bob = authority.issue({ cn: "bob" });
const own = selfSigned("own");
const pinned: Identity = { chain: own.cert, key: own.key };
const expired = authority.issue({ cn: "old", notBefore: new Date(Date.now() - 9 * day), days: 8 });
const future = authority.issue({ cn: "new", notBefore: new Date(Date.now() + day), days: 8 });
const stranger = testAuthority("Strangers").issue({ cn: "Alice", ou: "Ops" });

interface Identity {
  readonly chain: string;
  readonly key: string;
}

const pins = [alice, expired, future].map(({ certificate }) => spkiOf(certificate));

/** By tunnel: what is in its `client` block. */
const rules: Readonly<Record<string, string>> = {
  cn: `ca: ca.crt, allow: { cn: [ Alice ] }`,
  ou: `ca: ca.crt, allow: { ou: [ Ops ] }`,
  dns: `ca: ca.crt, allow: { dns: [ "*.example.com" ] }`,
  ip: `ca: ca.crt, allow: { ip: [ 192.0.2.0/24 ] }`,
  uri: `ca: ca.crt, allow: { uri: [ "spiffe://example.org/web/*" ] }`,
  email: `ca: ca.crt, allow: { email: [ alice@example.com ] }`,
  fingerprint: `ca: ca.crt, allow: { fingerprint: [ "${alice.certificate.fingerprint256.replace(/^/, "sha256:")}" ] }`,
  several: `verify: optional, ca: ca.crt, allow: { cn: [ Alice ], uri: [ "spiffe://example.org/**" ] }`,
  pins: `allow: { spki: [ "${pins.join('", "')}" ], certificates: own.crt }`,
};

/** Who comes in where; everybody else of these does not. */
const letIn: Readonly<Record<string, readonly string[]>> = {
  cn: ["alice"],
  ou: ["alice"],
  dns: ["host"],
  ip: ["host"],
  uri: ["web"],
  email: ["alice"],
  fingerprint: ["alice"],
  several: ["alice", "web", "nobody"],
  pins: ["alice", "pinned"],
};

suite("access rules", { concurrency: 8, ...requires("openssl") }, () => {
  let target: TestTarget;
  let program: Instance;
  // each is Alice for whoever splits a text at its commas
  const injected: Readonly<Record<string, Identity>> = {
    "a URI with other names in it": issueOddly(authority, "/CN=evil", {
      "URI.1": 'http://evil/\\", DNS:a.example.com, IP Address:192.0.2.7, email:alice@example.com',
    }),
    "a DNS name with other names in it": issueOddly(authority, "/CN=evil", {
      "DNS.1": "evil, DNS:a.example.com, URI:spiffe://example.org/web/7",
    }),
    "a common name with attributes in it": issueOddly(authority, "/CN=evil, OU=Ops\\/CN=Alice", {
      "DNS.1": "evil",
    }),
    "a common name with a line break": issueOddly(authority, "/CN=evil\nOU=Ops\nCN=Alice", {
      "DNS.1": "evil",
    }),
    "an organization called like the unit": issueOddly(authority, "/O=Ops/CN=evil", { "DNS.1": "evil" }),
    "a DNS name that is an address": issueOddly(authority, "/CN=evil", { "DNS.1": "192.0.2.7" }),
    "two SPIFFE IDs": issueOddly(authority, "/CN=evil", {
      "URI.1": "spiffe://example.org/web/7",
      "URI.2": "spiffe://example.org/db/1",
    }),
  };
  const clients: Readonly<Record<string, Identity | undefined>> = {
    ...{ alice, web, host, bob, pinned, expired, future, stranger },
    nobody: undefined,
    ...injected,
  };

  before(async () => {
    target = await startEcho();
    const tunnels = Object.entries(rules).map(
      ([name, client]) => `
  ${name}:
    frontend:
      listen: 127.0.0.1:0
      tls: { cert: server.crt, key: server.key, client: { ${client} } }
    backend: ${target.port}`,
    );
    const head = "log: { rejections: 0 }\nmetrics: { listen: 127.0.0.1:0 }\n";
    program = await startInstance(`${head}tunnels:${tunnels.join("")}`, {
      "server.crt": server.chain,
      "server.key": server.key,
      "ca.crt": authority.cert,
      "own.crt": own.cert,
    });
  });

  after(async () => {
    await program[Symbol.asyncDispose]();
    await target.close();
  });

  async function knock(tunnel: string, identity: Identity | undefined, tls: Knocking) {
    const shown = identity && { cert: identity.chain, key: identity.key };
    const visited = await visit(program.port(tunnel), { tls: { ...shown, ...tls } });
    return { visited, line: await sessionOf(program, visited) };
  }

  for (const tunnel of Object.keys(rules))
    for (const version of ["TLSv1.2", "TLSv1.3"] as const)
      test(`${tunnel}, ${version}: only ${letIn[tunnel]?.join(", ")}`, async () => {
        for (const [who, identity] of Object.entries(clients)) {
          const expected = letIn[tunnel]?.includes(who) ?? false;
          const first = await knock(tunnel, identity, { maxVersion: version });
          const outcomes = [first.line.outcome];
          const session = first.visited.tls?.session;
          if (session)
            outcomes.push((await knock(tunnel, identity, { maxVersion: version, session })).line.outcome);
          const wanted = expected ? "completed" : "handshake-failed";
          assert.deepEqual([...new Set(outcomes)], [wanted], `${who}: ${String(first.line.reason)}`);
          assert.equal(first.visited.text, expected ? "hello" : "");
          if (who !== "nobody") assert.equal(first.line.tls?.client?.verified, expected);
        }
      });

  test("the reason is in the log, and its label in the metrics", async () => {
    const reasons = {
      bob: /none of those that "allow" names/,
      expired: /has expired/,
      future: /not valid yet/,
      stranger: /authority is not trusted/,
      nobody: /none was sent/,
    };
    for (const [who, reason] of Object.entries(reasons)) {
      const { line } = await knock("cn", clients[who], { maxVersion: "TLSv1.3" });
      assert.match(line.reason ?? "", reason);
      if (who === "nobody") continue;
      assert.match(
        (await knock("pins", clients[who], { maxVersion: "TLSv1.3" })).line.reason ?? "",
        who === "stranger" ? reasons.bob : reason,
      );
    }
    const failures = await samples(program, "equilibria_tls_handshake_failures_total");
    const labels = ["not-allowed", "no-certificate", "CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"];
    for (const label of [...labels, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"])
      assert.ok(
        (failures[`tunnel="cn",side="frontend",reason="${label}"`] ?? 0) > 0,
        JSON.stringify(failures),
      );
  });
});

interface Knocking {
  readonly maxVersion: "TLSv1.2" | "TLSv1.3";
  readonly session?: Buffer;
}
