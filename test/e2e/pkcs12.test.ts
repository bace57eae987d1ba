/**
 * PKCS#12 files come from other people's tools, in every age of encryption, and carry CA certificates along. Whatever is in them
 * must not widen whom we trust: given to OpenSSL as it is, a `pfx` would make its CA good for clients.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, suite, test } from "node:test";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startEcho, type TestTarget } from "../support/echo.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { openssl } from "../support/openssl.ts";
import { requires } from "../support/requires.ts";
import { sessionOf, visit } from "../support/visit.ts";

const passphrase = "correct horse";
const root = testAuthority("Root");
const intermediate = root.intermediate();
const clients = testAuthority("Clients");
const identities = { ecdsa: intermediate.issue(), rsa: intermediate.issue({ key: "rsa" }) };

/** A file as `openssl pkcs12 -export` makes it, the authorities in it as well. */
function exported(kind: "ecdsa" | "rsa", password: string, ...options: readonly string[]): Buffer {
  const { cert, key } = identities[kind];
  using files = writeFiles({ cert, key, chain: intermediate.cert + root.cert });
  const [from, to] = [["-inkey", files.path("key"), "-in", files.path("cert")], files.path("out.p12")];
  const made = openssl(
    "pkcs12",
    "-export",
    ...from,
    "-certfile",
    files.path("chain"),
    ...options,
    "-passout",
    `pass:${password}`,
    "-out",
    to,
  );
  assert.ok(made.ok, made.text);
  return readFileSync(to);
}

const oldAlgorithms = ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"];
const files: Readonly<Record<string, () => Buffer>> = {
  "ecdsa-ours": () => identities.ecdsa.pfx(passphrase),
  "rsa-ours": () => identities.rsa.pfx(passphrase),
  "ecdsa-openssl": () => exported("ecdsa", passphrase),
  "rsa-openssl": () => exported("rsa", passphrase),
  "ecdsa-3des": () => exported("ecdsa", passphrase, ...oldAlgorithms),
  "rsa-3des": () => exported("rsa", passphrase, ...oldAlgorithms),
  "ecdsa-named": () => exported("ecdsa", passphrase, "-name", "ключ № 1", "-caname", "root"),
};

suite("an identity in a PKCS#12 file", requires("openssl"), () => {
  let target: TestTarget;
  let program: Instance;

  before(async () => {
    target = await startEcho();
    const tunnels = Object.keys(files).map(
      (name) => `
  ${name}:
    frontend:
      listen: 127.0.0.1:0
      tls: { pfx: ${name}.p12, passphrase: { file: pass.txt }, client: { verify: optional, ca: clients.crt } }
    backend: ${target.port}
  ${name}-off:
    frontend:
      listen: 127.0.0.1:0
      tls: { pfx: ${name}.p12, passphrase: ${passphrase}, client: { verify: none } }
    backend: ${target.port}`,
    );
    const made = Object.entries(files).map(([name, make]) => [`${name}.p12`, make()] as const);
    program = await startInstance(`tunnels:${tunnels.join("")}`, {
      ...Object.fromEntries(made),
      "pass.txt": `${passphrase}\n`,
      "clients.crt": clients.cert,
    });
  });

  after(async () => {
    await program[Symbol.asyncDispose]();
    await target.close();
  });

  for (const name of Object.keys(files))
    test(`${name}: serves the certificate with its chain, so that a client needs the root only`, async () => {
      for (const tunnel of [name, `${name}-off`]) {
        const { text, error } = await visit(program.port(tunnel), {
          tls: { ca: root.cert, servername: "localhost" },
        });
        assert.deepEqual([text, error], ["hello", undefined]);
      }
    });

  for (const name of Object.keys(files))
    test(`${name}: the authorities in the file are not trusted for clients`, async () => {
      for (const { chain, key } of [intermediate.issue({ cn: "intruder" }), root.issue({ cn: "intruder" })]) {
        const visited = await visit(program.port(name), {
          tls: { ca: root.cert, servername: "localhost", cert: chain, key },
        });
        const { outcome, reason = "" } = await sessionOf(program, visited);
        assert.deepEqual([visited.text, outcome], ["", "handshake-failed"]);
        assert.match(reason, /^client certificate: .* not trusted/);
      }
      const { chain: cert, key } = clients.issue({ cn: "friend" });
      const friend = await visit(program.port(name), {
        tls: { ca: root.cert, servername: "localhost", cert, key },
      });
      assert.equal(friend.text, "hello");
    });
});
