/**
 * A tunnel from plain to TLS promises that the target is who its name says. Whatever certificate another machine can get hold of
 * must not be enough, and what is not checked on request must be said at every start.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { type TestRequest, testAuthority } from "../support/certificates.ts";
import { startEcho, type TestTarget } from "../support/echo.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { selfSigned } from "../support/openssl.ts";
import { requires } from "../support/requires.ts";
import { sessionOf, visit } from "../support/visit.ts";

const day = 86_400_000;
const authority = testAuthority("Servers");
const issue = (request?: TestRequest) => {
  const { chain, key } = authority.issue(request);
  return { cert: chain, key };
};

/** What a target shows for the name localhost; `full` and `chain` say why it is refused under that mode. */
interface Case {
  readonly identity: { readonly cert: string; readonly key: string };
  readonly chain?: RegExp;
  readonly full?: RegExp;
}

const refused = (reason: RegExp) => ({ chain: reason, full: reason });
const cases: Readonly<Record<string, Case>> = {
  good: { identity: issue() },
  "wrong-authority": {
    identity: (({ chain, key }) => ({ cert: chain, key }))(testAuthority("Servers").issue()),
    ...refused(/signature is wrong|authority is not trusted/),
  },
  "another-name": {
    identity: issue({ cn: "localhost", sans: ["other.example"] }),
    full: /for another name \(ERR_TLS_CERT_ALTNAME_INVALID\)/,
  },
  "address-only": {
    identity: issue({ cn: "localhost", sans: ["127.0.0.1"] }),
    full: /only by its common name/,
  },
  "common-name-only": { identity: issue({ cn: "localhost", sans: [] }), full: /no subject alternative name/ },
  expired: {
    identity: issue({ notBefore: new Date(Date.now() - 9 * day), days: 8 }),
    ...refused(/has expired/),
  },
  "not-yet-valid": {
    identity: issue({ notBefore: new Date(Date.now() + day) }),
    ...refused(/not valid yet/),
  },
  "for-clients-only": { identity: issue({ usage: "client" }), ...refused(/not made for this use/) },
  "intermediate-missing": {
    identity: (({ cert, key }) => ({ cert, key }))(authority.intermediate().issue()),
    ...refused(/authority is not trusted/),
  },
  "by-an-intermediate": {
    identity: (({ chain, key }) => ({ cert: chain, key }))(authority.intermediate().issue()),
  },
};
const modes = ["full", "chain", "none"] as const;
const versions = ["TLSv1.2", "TLSv1.3"] as const;

suite("a tunnel to TLS targets", { concurrency: 8, ...requires("openssl") }, () => {
  const targets = new Map<string, TestTarget>();
  let program: Instance;

  before(async () => {
    for (const [name, { identity }] of Object.entries(cases)) targets.set(name, await startEcho(identity));
    targets.set("self-signed", await startEcho(selfSigned("localhost", "DNS:localhost")));
    const tunnels = [...targets].flatMap(([name, { port }]) =>
      modes.flatMap((mode) =>
        versions.map(
          (version) => `
  ${tunnelName(name, mode, version)}:
    frontend: "127.0.0.1:0"
    backend:
      targets: [ "localhost:${port}" ]
      tls: { ca: ca.crt, ${mode === "full" ? "" : `verify: ${mode}, `}maxVersion: ${version} }`,
        ),
      ),
    );
    program = await startInstance(`tunnels:${tunnels.join("")}`, { "ca.crt": authority.cert });
  });

  after(async () => {
    await program[Symbol.asyncDispose]();
    for (const target of targets.values()) await target.close();
  });

  const all: Readonly<Record<string, Omit<Case, "identity">>> = {
    ...cases,
    "self-signed": refused(/self-signed and not trusted/),
  };
  for (const [name, one] of Object.entries(all))
    for (const mode of modes) {
      const reason = mode === "none" ? undefined : one[mode];
      test(`verify: ${mode} ${reason ? "refuses" : "takes"} a target whose certificate is ${name}, also a second time`, async () => {
        // the second visit might resume the session of the first, and then nobody would look at the certificate
        for (const version of versions)
          for (const _ of ["first", "second"]) {
            const visited = await visit(program.port(tunnelName(name, mode, version)));
            const { outcome, reason: given = "" } = await sessionOf(program, visited);
            assert.deepEqual(
              [visited.text, outcome],
              reason ? ["", "connect-failed"] : ["hello", "completed"],
              given,
            );
            assert.match(given, reason ?? /^$/);
            if (reason) assert.match(given, new RegExp(`localhost:${targets.get(name)?.port}: `));
          }
      });
    }

  test("each start warns of every tunnel that does not verify in full, and of no other", () => {
    const warned = program.lines.filter(({ event }) => event === "tls-unverified");
    assert.deepEqual(
      warned.map(({ tunnel, level }) => [tunnel, level]),
      Object.keys(all).flatMap((name) =>
        ["chain", "none"].flatMap((mode) =>
          versions.map((version) => [tunnelName(name, mode, version), "warn"]),
        ),
      ),
    );
    assert.match(String(warned[0]?.["msg"]), /^good\.chain\.tlsv1\.2: backend\.tls\.verify is chain/);
    assert.match(String(warned[2]?.["msg"]), /^good\.none\.tlsv1\.2: backend\.tls\.verify is none/);
    const isReady = ({ event }: { readonly event?: string }) => event === "ready";
    assert.ok(program.lines.findIndex(isReady) >= warned.length);
  });
});

function tunnelName(target: string, mode: string, version: string): string {
  return `${target}.${mode}.${version.toLowerCase()}`;
}
