/**
 * Mutual TLS is the only thing between the internet and a target that trusts everybody who reaches it. Every kind of bad
 * certificate is tried against every mode, in both versions, new and resumed: one that slips through is a break-in, and one
 * refused without a reason costs an operator an evening.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { type TestCertificate, testAuthority } from "../support/certificates.ts";
import { startEcho, type TestTarget } from "../support/echo.ts";
import { type Instance, type SessionLine, startInstance } from "../support/instance.ts";
import { selfSigned } from "../support/openssl.ts";
import { requires } from "../support/requires.ts";
import { sessionOf, type Visit, visit } from "../support/visit.ts";

const day = 86_400_000;
const serverAuthority = testAuthority("Servers");
const server = serverAuthority.issue();
const authority = testAuthority("Clients");

interface Identity {
  /** PEM. */
  readonly chain: string;
  readonly key: string;
}

/** What a client can send, why it is refused, or whom it proves to be. */
interface Case {
  readonly identity: Identity | undefined;
  readonly refused?: RegExp;
  readonly subject?: string;
}

const cases: Readonly<Record<string, Case>> = {
  "no certificate": { identity: undefined, refused: /none was sent/ },
  "one of another authority": {
    identity: testAuthority("Others").issue({ cn: "client" }),
    refused: /authority is not trusted/,
  },
  "one of the servers' authority": {
    identity: serverAuthority.issue({ cn: "client" }),
    refused: /root is not trusted/,
  },
  "an expired one": {
    identity: authority.issue({ cn: "client", notBefore: new Date(Date.now() - 9 * day), days: 8 }),
    refused: /has expired/,
  },
  "one that is not valid yet": {
    identity: authority.issue({ cn: "client", notBefore: new Date(Date.now() + day) }),
    refused: /not valid yet/,
  },
  "one for servers only": {
    identity: authority.issue({ cn: "client", usage: "server" }),
    refused: /not made for this use/,
  },
  "a self-signed one": {
    identity: bare(),
    refused: /self-signed and not trusted/,
  },
  "one of an authority of the same name": {
    identity: testAuthority("Clients").issue({ cn: "client" }),
    refused: /signature is wrong|not trusted/,
  },
  "one whose intermediate is not sent": {
    identity: withoutChain(authority.intermediate().issue({ cn: "client" })),
    refused: /authority is not trusted/,
  },
  "a good one": { identity: authority.issue({ cn: "client", usage: "client" }), subject: "CN=client" },
  "a good one by an intermediate": {
    identity: authority.intermediate().issue({ cn: "below", o: "Example" }),
    subject: "O=Example, CN=below",
  },
  // RFC 9525 forbids this for servers; a client has no name that anybody dialled
  "one with a common name only": {
    identity: authority.issue({ cn: "Alice Smith", sans: [] }),
    subject: "CN=Alice Smith",
  },
};

const modes = ["none", "optional", "required"] as const;
const versions = ["TLSv1.2", "TLSv1.3"] as const;
type Mode = (typeof modes)[number];
type Version = (typeof versions)[number];

suite("client certificates", { concurrency: 8, ...requires("openssl") }, () => {
  let target: TestTarget;
  let program: Instance;

  before(async () => {
    target = await startEcho();
    const tunnels = modes.map(
      (mode) => `
  ${mode}:
    frontend:
      listen: 127.0.0.1:0
      tls: { cert: server.crt, key: server.key, client: { verify: ${mode}, ca: clients.crt } }
    backend: ${target.port}`,
    );
    program = await startInstance(`log: { rejections: 0 }\ntunnels:${tunnels.join("")}`, {
      "server.crt": server.chain,
      "server.key": server.key,
      "clients.crt": authority.cert,
    });
  });

  after(async () => {
    // no connection to the target but those of sessions that were let in
    const letIn = program.lines.filter(
      ({ event, outcome }) => event === "session" && outcome === "completed",
    );
    const dialled = target.sockets.length;
    await program[Symbol.asyncDispose]();
    await target.close();
    assert.equal(dialled, letIn.length);
  });

  async function knock(
    mode: Mode,
    identity: Identity | undefined,
    tls: { readonly maxVersion: Version; readonly session?: Buffer | undefined },
  ): Promise<Knock> {
    const own = identity && { cert: identity.chain, key: identity.key };
    const visited = await visit(program.port(mode), {
      tls: { ca: serverAuthority.cert, servername: "localhost", ...own, ...tls },
    });
    return { visit: visited, line: await sessionOf(program, visited) };
  }

  for (const mode of modes)
    for (const version of versions)
      for (const [what, one] of Object.entries(cases)) {
        const isAbsent = one.identity === undefined;
        const refused = mode === "none" || (mode === "optional" && isAbsent) ? undefined : one.refused;
        const { identity } = one;

        test(`${mode}, ${version}: ${what} is ${refused ? "refused" : "let in"}`, async () => {
          const first = await knock(mode, identity, { maxVersion: version });
          const expectation = { refused, subject: mode === "none" ? undefined : one.subject, version };
          judge(first, expectation);

          const session = first.visit.tls?.session;
          if (!refused) assert.ok(session, "no ticket was given");
          if (!session) return;
          const again = await knock(mode, identity, { maxVersion: version, session });
          judge(again, expectation);
          assert.ok(again.line.tls?.resumed, "the second visit was not resumed");

          // whoever holds the ticket is whom it was given to, whatever else he shows or does not show
          const bare = await knock(mode, undefined, { maxVersion: version, session });
          judge(bare, expectation);
        });
      }

  test("the subject in the log is cut, so that a certificate cannot flood it", async () => {
    const identity = authority.issue({ cn: "c".repeat(64), o: "o".repeat(64), ou: "u".repeat(64), sans: [] });
    const { line } = await knock("required", identity, { maxVersion: "TLSv1.3" });
    assert.match(line.tls?.client?.subject ?? "", /^.{1,256}$/);
  });

  test("the log names the fingerprint of the certificate", async () => {
    const identity = authority.issue({ cn: "client" });
    const { line } = await knock("required", identity, { maxVersion: "TLSv1.3" });
    const digest = identity.certificate.fingerprint256.replaceAll(":", "").toLowerCase();
    assert.equal(line.tls?.client?.fingerprint, `sha256:${digest}`);
  });
});

interface Knock {
  readonly visit: Visit;
  readonly line: SessionLine;
}

function judge(
  { visit: visited, line }: Knock,
  expected: { refused: RegExp | undefined; subject: string | undefined; version: Version },
): void {
  assert.equal(line.tls?.version, expected.version);
  if (expected.refused) {
    assert.equal(line.outcome, "handshake-failed");
    assert.match(line.reason ?? "", /^client certificate: /);
    assert.match(line.reason ?? "", expected.refused);
    assert.deepEqual([visited.text, line.target, line.attempts], ["", undefined, 0]);
    return;
  }
  assert.deepEqual([line.outcome, line.reason, visited.text], ["completed", undefined, "hello"]);
  assert.equal(line.tls?.client?.subject, expected.subject);
}

function withoutChain({ cert, key }: TestCertificate): Identity {
  return { chain: cert, key };
}

function bare(): Identity {
  const { cert, key } = selfSigned("client");
  return { chain: cert, key };
}
