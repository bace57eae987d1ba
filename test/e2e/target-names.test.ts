/**
 * Which name a target's certificate is held against and which name is asked for (SNI): RFC 9525 and RFC 6066. Node's own check
 * takes common names and partial wildcards; a private authority may well have issued both.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, suite, test } from "node:test";
import type { TLSSocket } from "node:tls";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startEcho, type TestTarget } from "../support/echo.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { openssl } from "../support/openssl.ts";
import { requires } from "../support/requires.ts";
import { sessionOf, visit } from "../support/visit.ts";

const authority = testAuthority("Servers");
const client = authority.issue({ cn: "tunnel", usage: "client" });

/** A certificate with names that our own issuer refuses to write. */
function issuedByOpenssl(...names: readonly string[]) {
  const counted = names.map((name, index) => name.replace(/^(DNS|URI):/, `$1.${index} = `));
  using files = writeFiles({
    "ca.crt": authority.cert,
    "ca.key": authority.key,
    // as a section, because in a list the comma would part the names
    names: ["subjectAltName = @names", "[names]", ...counted].join("\n"),
  });
  const [request, cert, key] = [files.path("csr"), files.path("crt"), files.path("key")];
  const issuer = [
    "-CA",
    files.path("ca.crt"),
    "-CAkey",
    files.path("ca.key"),
    "-extfile",
    files.path("names"),
  ];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  for (const step of [
    ["req", ...curve, "-subj", "/CN=odd", "-keyout", key, "-out", request],
    ["x509", "-req", "-in", request, ...issuer, "-out", cert],
  ]) {
    const { ok, text } = openssl(...step);
    assert.ok(ok, text);
  }
  return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
}

/** The names that a target's certificate carries. */
const certificates: Readonly<Record<string, () => { readonly cert: string; readonly key: string }>> = {
  localhost: () => authority.issue({ sans: ["localhost"] }),
  loopback: () => authority.issue({ sans: ["127.0.0.1", "::1"] }),
  "address-as-name": () => issuedByOpenssl("DNS:127.0.0.1"),
  wildcard: () => authority.issue({ sans: ["*.example.com"] }),
  "partial-wildcard": () => issuedByOpenssl("DNS:f*.example.com", "DNS:*o.example.com"),
  "inner-wildcard": () => issuedByOpenssl("DNS:foo.*.example.com"),
  "wildcard-alone": () => issuedByOpenssl("DNS:*"),
  uri: () => issuedByOpenssl("URI:https://foo.example.com"),
  injection: () => issuedByOpenssl("URI:http://evil.example/, DNS:foo.example.com", "DNS:evil.example"),
};

/** Tunnel, certificate, `tls.serverName` or the host of the address, whether it is let through. */
const cases: readonly (readonly [string, string, { host?: string; name?: string }, boolean])[] = [
  ["host", "localhost", {}, true],
  ["host-of-address", "loopback", { host: "127.0.0.1" }, true],
  ["host-is-address", "localhost", { host: "127.0.0.1" }, false],
  ["address-as-name", "address-as-name", { host: "127.0.0.1" }, false],
  ["host-is-name", "loopback", {}, false],
  ["name-for-address", "localhost", { host: "127.0.0.1", name: "localhost" }, true],
  ["address-for-name", "loopback", { name: "127.0.0.1" }, true],
  ["upper-case", "localhost", { name: "LOCALHOST" }, true],
  ["trailing-dot", "localhost", { name: "localhost." }, true],
  ["wildcard", "wildcard", { name: "foo.example.com" }, true],
  ["wildcard-two-labels", "wildcard", { name: "a.foo.example.com" }, false],
  ["wildcard-no-label", "wildcard", { name: "example.com" }, false],
  ["wildcard-partial", "partial-wildcard", { name: "foo.example.com" }, false],
  ["wildcard-inside", "inner-wildcard", { name: "foo.bar.example.com" }, false],
  ["wildcard-alone", "wildcard-alone", { name: "localhost" }, false],
  ["uri-is-no-name", "uri", { name: "foo.example.com" }, false],
  ["injected-by-uri", "injection", { name: "foo.example.com" }, false],
  ["beside-injection", "injection", { name: "evil.example" }, true],
];

suite("the name of a target", { concurrency: 8, ...requires("openssl") }, () => {
  const targets = new Map<string, TestTarget>();
  /** What the targets were asked for, by the port of the tunnel's connection. */
  const seen: {
    readonly target: string;
    readonly sni: string;
    readonly client: string | undefined;
  }[] = [];
  let program: Instance;
  let named: Instance;

  before(async () => {
    for (const [name, make] of Object.entries(certificates)) {
      const { cert, key } = make();
      const target = await startEcho({
        cert,
        key,
        ca: authority.cert,
        requestCert: true,
        rejectUnauthorized: false,
      });
      target.server.on("secureConnection", (socket: TLSSocket) => {
        const sni = String(socket.servername);
        seen.push({ target: name, sni, client: socket.getPeerX509Certificate()?.subject });
      });
      targets.set(name, target);
    }
    const port = (name: string) => targets.get(name)?.port;
    const tunnels = cases.map(
      ([tunnel, certificate, { host = "localhost", name }]) => `
  ${tunnel}:
    frontend: "127.0.0.1:0"
    backend:
      targets: [ "${host}:${port(certificate)}" ]
      tls: { ca: ca.crt${name === undefined ? "" : `, serverName: "${name}"`} }`,
    );
    program = await startInstance(`tunnels:${tunnels.join("")}`, { "ca.crt": authority.cert });
    named = await startInstance(
      `
tunnels:
  each:
    frontend: "127.0.0.1:0"
    backend:
      targets:
        - { address: "127.0.0.1:${port("wildcard")}", tls: { serverName: own.example.com } }
        - "127.0.0.1:${port("localhost")}"
      tls: { ca: ca.crt, serverName: localhost, cert: client.crt, key: client.key }
  address:
    frontend: "127.0.0.1:0"
    backend: { targets: [ "127.0.0.1:${port("loopback")}" ], tls: { ca: ca.crt } }`,
      { "ca.crt": authority.cert, "client.crt": client.chain, "client.key": client.key },
    );
  });

  after(async () => {
    await program[Symbol.asyncDispose]();
    await named[Symbol.asyncDispose]();
    for (const target of targets.values()) await target.close();
  });

  for (const [tunnel, certificate, { host = "localhost", name }, good] of cases)
    test(`${name ?? host} is ${good ? "taken" : "refused"} with a certificate for ${certificate} (${tunnel})`, async () => {
      const visited = await visit(program.port(tunnel));
      const { outcome, reason = "" } = await sessionOf(program, visited);
      assert.deepEqual(
        [visited.text, outcome],
        good ? ["hello", "completed"] : ["", "connect-failed"],
        reason,
      );
    });

  test("a target may have a name of its own, the others have the backend's; both are sent as SNI, and the client certificate", async () => {
    const visits = [await visit(named.port("each")), await visit(named.port("each"))];
    assert.deepEqual(
      visits.map(({ text }) => text),
      ["hello", "hello"],
    );
    const own = seen.filter(({ client: subject }) => subject === "CN=tunnel");
    assert.deepEqual(
      own.map(({ target, sni }) => [target, sni]),
      [
        ["wildcard", "own.example.com"],
        ["localhost", "localhost"],
      ],
    );
  });

  test("an address is never sent as SNI (RFC 6066)", async () => {
    assert.equal((await visit(named.port("address"))).text, "hello");
    const asked = seen.filter(({ target }) => target === "loopback").map(({ sni }) => sni);
    assert.deepEqual([...new Set(asked)], ["false"]);
  });
});
