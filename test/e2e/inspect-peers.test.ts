/** What `inspect` says of openssl, stunnel and nginx in all their moods must be true, and what it proposes must help. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startEcho } from "../support/echo.ts";
import { inspectPort } from "../support/inspect.ts";
import { startNginxStream } from "../support/nginx.ts";
import { openssl } from "../support/openssl.ts";
import { answering, freePort } from "../support/ports.ts";
import { startProgram } from "../support/program.ts";
import { requires } from "../support/requires.ts";
import { startStunnel } from "../support/stunnel.ts";

const authority = testAuthority("Probe CA");
const { chain, key } = authority.issue({ key: "rsa" });
const client = authority.issue({ cn: "client" });
const everything = ["-cipher", "ALL:@SECLEVEL=0"];
const demanding = ["-Verify", "1", "-verify_return_error", "-CAfile", "@ca.crt"];

interface Peer {
  readonly what: string;
  /** Of `openssl s_server`; `@NAME` is a file. */
  readonly args: readonly string[];
  readonly identity?: { readonly chain: string; readonly key: string };
  readonly says: RegExp;
  readonly advises: RegExp;
  /** The options beside `ca` that it proposes; none where words alone can help. */
  readonly proposes: object | undefined;
  /** Whether it has tried them. */
  readonly tried: boolean | undefined;
  readonly versions: readonly string[];
}

const peers: readonly Peer[] = [
  {
    what: "TLS 1.0 only",
    args: ["-tls1", ...everything],
    says: /no TLS version in common/,
    advises: /^legacy: true and minVersion: TLSv1,/,
    proposes: { legacy: true, minVersion: "TLSv1" },
    tried: true,
    versions: ["TLSv1"],
  },
  {
    what: "key exchange by RSA only",
    args: ["-tls1_2", "-cipher", "AES128-SHA"],
    says: /refused the handshake/,
    advises: /^legacy: true/,
    proposes: { legacy: true },
    tried: true,
    versions: ["TLSv1.2"],
  },
  {
    what: "a key of 1024 bits",
    args: everything,
    identity: shortKey(),
    says: /the certificate's key is too short/,
    advises: /^legacy: true/,
    proposes: { legacy: true },
    tried: true,
    versions: ["TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1"],
  },
  {
    what: "a client certificate demanded in TLS 1.2",
    args: ["-tls1_2", ...demanding],
    says: /refused the handshake/,
    advises: /^cert: and key:/,
    proposes: { cert: "client.crt", key: "client.key" },
    tried: false,
    versions: ["TLSv1.2"],
  },
  {
    what: "a client certificate demanded in TLS 1.3",
    args: ["-tls1_3", ...demanding],
    says: /asks for a certificate of ours/,
    advises: /^cert: and key:/,
    proposes: { cert: "client.crt", key: "client.key" },
    tried: false,
    versions: ["TLSv1.3"],
  },
  {
    what: "another name",
    args: [],
    identity: authority.issue({ cn: "db.example", sans: ["*.example", "db.example"] }),
    says: /another name/,
    advises: /^serverName: db\.example/,
    proposes: { serverName: "db.example" },
    tried: true,
    versions: ["TLSv1.3", "TLSv1.2"],
  },
  {
    what: "an expired certificate",
    args: [],
    identity: authority.issue({ notBefore: new Date(Date.now() - 9 * 86_400_000), days: 2 }),
    says: /has expired/,
    advises: /^have the certificate of .*CN=localhost renewed: it ended on \d{4}-\d\d-\d\dT/,
    proposes: undefined,
    tried: undefined,
    versions: ["TLSv1.3", "TLSv1.2"],
  },
];

function shortKey() {
  using files = writeFiles({
    "ca.crt": authority.cert,
    "ca.key": authority.key,
    names: "subjectAltName=DNS:localhost\n",
  });
  const [own, request, cert] = [files.path("key"), files.path("request"), files.path("cert")];
  openssl("req", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=localhost", "-keyout", own, "-out", request);
  const signer = ["-CA", files.path("ca.crt"), "-CAkey", files.path("ca.key"), "-days", "90"];
  const made = openssl(
    ...["x509", "-req", "-in", request, "-out", cert, "-extfile", files.path("names")],
    ...signer,
  );
  if (!made.ok) throw new Error(made.text);
  return { chain: readFileSync(cert, "utf8"), key: readFileSync(own, "utf8") };
}

suite("inspect and peers that are not ours", () => {
  for (const { what, args, identity = { chain, key }, says, advises, proposes, tried, versions } of peers)
    test(`openssl with ${what}`, requires("openssl"), async () => {
      using files = writeFiles({
        "ca.crt": authority.cert,
        "own.crt": identity.chain,
        "own.key": identity.key,
      });
      const port = await freePort();
      const own = [
        "-cert_chain",
        files.path("own.crt"),
        "-cert",
        files.path("own.crt"),
        "-key",
        files.path("own.key"),
      ];
      const words = args.map((word) => word.replace(/^@(.*)/, (_, name: string) => files.path(name)));
      await using _server = await startProgram("openssl", [
        "s_server",
        "-quiet",
        "-accept",
        `${port}`,
        ...own,
        ...words,
      ]);
      await answering(port);
      const ca = files.path("ca.crt");
      const { code, found } = await inspectPort(port, "--ca", ca);
      assert.deepEqual([code, found.ok], [1, false]);
      assert.match(found.failure?.reason ?? "", says);
      assert.match(found.remedies[0] ?? "", advises);
      assert.deepEqual(found.offers?.versions, versions);
      assert.equal(found.chain[0]?.issuer, authority.certificate.subject.split("\n").join(", "));
      assert.equal(found.backend?.tried, tried);
      assert.deepEqual(found.backend?.tls, proposes && { ca, ...proposes });
    });

  test("stunnel that asks for a certificate of its authority", requires("stunnel"), async () => {
    await using echo = await startEcho();
    const options = {
      role: "server",
      connect: echo.port,
      ca: authority.cert,
      identity: { chain, key },
    } as const;
    await using stunnel = await startStunnel(options);
    using files = writeFiles({
      ...{ "ca.crt": authority.cert, "client.crt": client.chain, "client.key": client.key },
    });
    const trust = ["--ca", files.path("ca.crt"), "--server-name", "localhost"];
    const { found: without } = await inspectPort(stunnel.port, ...trust);
    assert.deepEqual([without.ok, without.handshake?.asksCertificate], [false, true]);
    assert.match(without.remedies[0] ?? "", /^cert: and key: of a certificate that the peer takes/);
    const mine = ["--cert", files.path("client.crt"), "--key", files.path("client.key")];
    const { found: with_, stderr } = await inspectPort(stunnel.port, ...trust, ...mine);
    assert.deepEqual([with_.ok, with_.failure], [true, undefined], stderr);
    const other = testAuthority("Elsewhere").issue({ cn: "stranger" });
    using strange = writeFiles({ "x.crt": other.chain, "x.key": other.key });
    const theirs = ["--cert", strange.path("x.crt"), "--key", strange.path("x.key")];
    const { found: stranger } = await inspectPort(stunnel.port, ...trust, ...theirs);
    assert.equal(stranger.ok, false);
    assert.match(stranger.remedies[0] ?? "", /^cert: and key: of another certificate/);
  });

  test("nginx with one suite, one group, and protocols in its order", requires("nginx"), async () => {
    const port = await freePort();
    const servers = `
      server {
        listen 127.0.0.1:${port} ssl; ssl_certificate @own.crt; ssl_certificate_key @own.key;
        ssl_protocols TLSv1.2; ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384; ssl_ecdh_curve secp384r1;
        ssl_alpn mqtt postgresql; ssl_verify_client optional; ssl_client_certificate @ca.crt;
        return hello;
      }`;
    await using _nginx = await startNginxStream(servers, {
      ...{ "own.crt": chain, "own.key": key, "ca.crt": authority.cert },
    });
    using files = writeFiles({ "ca.crt": authority.cert });
    const { found, code, stderr } = await inspectPort(port, "--ca", files.path("ca.crt"));
    assert.equal(code, 0, stderr);
    assert.deepEqual(found.offers?.suites, { "TLSv1.2": ["ECDHE-RSA-AES256-GCM-SHA384"] });
    assert.deepEqual([found.offers?.groups, found.handshake?.group], [["P-384"], "P-384"]);
    assert.deepEqual([found.offers?.alpn, found.handshake?.asksCertificate], [["mqtt", "postgresql"], true]);
  });
});
