/** `inspect` is asked when a tunnel to a peer does not work, or before there is one: what it says must be true, and of use. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { suite, test } from "node:test";
import { createSecureContext, type TlsOptions } from "node:tls";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { command } from "../support/command.ts";
import { startTarget } from "../support/echo.ts";
import { type Asked, inspectPort } from "../support/inspect.ts";
import { startInstance } from "../support/instance.ts";
import { issueOddly, selfSigned } from "../support/openssl.ts";
import { freePort } from "../support/ports.ts";

const authority = testAuthority();

/** Inspects a port of this machine, as a certificate for localhost has it. */
async function inspect(port: number, ...args: readonly string[]): Promise<Asked> {
  using files = writeFiles({ "ca.crt": authority.cert });
  const trust = args.includes("--ca") ? [] : ["--ca", files.path("ca.crt")];
  return await inspectPort(port, ...trust, ...args);
}

/** The same of a TLS server with these options. */
async function inspectServer(tls: TlsOptions, ...args: readonly string[]): Promise<Asked> {
  await using server = await startTarget(
    (socket) => socket.resume().on("end", () => socket.end()),
    tls,
    "localhost",
  );
  return await inspect(server.port, ...args);
}

const { chain, key, certificate } = authority.issue({ key: "rsa", days: 90 });
const good: TlsOptions = { cert: chain, key };

/** Each has to be refused with this reason, and with this advice. */
const bad: readonly {
  readonly what: string;
  readonly tls: TlsOptions;
  readonly says: RegExp;
  readonly advises: RegExp;
}[] = [
  {
    what: "an authority that is not trusted",
    tls: issuedBy(testAuthority("Another CA")),
    says: /authority is not trusted/,
    advises: /^ca: a file with the authority's certificate \(issuer: .*Another CA/,
  },
  {
    what: "a self-signed certificate",
    tls: selfSigned("localhost", "DNS:localhost"),
    says: /self-signed/,
    advises: /^verify: pin and allow: \{ spki: \["sha256:[0-9a-f]{64}"\] \}/,
  },
  {
    what: "a chain without its intermediate certificate",
    tls: withoutIntermediate(),
    says: /authority is not trusted/,
    advises: /the peer must send its intermediate certificates/,
  },
  {
    what: "another name",
    tls: issued({ cn: "db.example", sans: ["db.example"] }),
    says: /another name|does not match/,
    advises: /^serverName: db\.example, since the certificate is for db\.example, not for localhost/,
  },
  {
    what: "a certificate without alternative names",
    tls: selfSigned("localhost"),
    says: /self-signed|no subject alternative name/,
    advises: /verify: pin|subject alternative name/,
  },
  {
    what: "an expired certificate",
    tls: issued({ notBefore: new Date(Date.now() - 9 * 86_400_000), days: 2 }),
    says: /has expired/,
    advises: /renewed/,
  },
  {
    what: "a certificate of the future",
    tls: issued({ notBefore: new Date(Date.now() + 9 * 86_400_000), days: 2 }),
    says: /not valid yet/,
    advises: /clock/,
  },
  {
    what: "TLS 1.1 and nothing better",
    tls: { ...good, minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" },
    says: /version/,
    advises: /^legacy: true and minVersion: TLSv1\.1/,
  },
  {
    what: "a server that asks for a client certificate with TLS 1.3",
    tls: { ...good, requestCert: true, rejectUnauthorized: true, ca: authority.cert, minVersion: "TLSv1.3" },
    says: /certificate of ours|closed right after the handshake|left/,
    advises: /^cert: and key:/,
  },
];

function issued(request: Parameters<typeof authority.issue>[0]): TlsOptions {
  const made = authority.issue(request);
  return { cert: made.chain, key: made.key };
}

function issuedBy(other: typeof authority): TlsOptions {
  const made = other.issue();
  return { cert: made.chain, key: made.key };
}

function withoutIntermediate(): TlsOptions {
  const made = authority.intermediate().issue();
  return { cert: made.cert, key: made.key };
}

/** Types instead of values; of a list, that of its first. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, shapeOf(one)]));
}

suite("inspect", () => {
  test("shows what a good peer offers, and that a backend would get on with it", async () => {
    const { code, found, stderr } = await inspectServer(
      { ...good, ALPNProtocols: ["postgresql", "h2"] },
      "--alpn",
      "postgresql",
    );
    assert.deepEqual([code, found.ok, found.failure, found.remedies], [0, true, undefined, []], stderr);
    assert.deepEqual(found.offers?.versions, ["TLSv1.3", "TLSv1.2"]);
    assert.ok(found.offers?.suites["TLSv1.3"]?.includes("TLS_AES_128_GCM_SHA256"));
    assert.ok(found.offers?.suites["TLSv1.2"]?.includes("ECDHE-RSA-AES128-GCM-SHA256"));
    assert.ok(found.offers?.groups.includes("X25519"));
    assert.deepEqual(found.offers?.alpn, ["postgresql", "h2"]);
    assert.deepEqual([found.offers?.resumes, found.offers?.sameWithoutName], [true, true]);
    assert.equal(found.handshake?.version, "TLSv1.3");
    assert.equal(
      found.chain[0]?.fingerprint,
      `sha256:${certificate.fingerprint256.replaceAll(":", "").toLowerCase()}`,
    );
  });

  test("prints JSON of this shape", async () => {
    const { found } = await inspectServer(good);
    assert.deepEqual(shapeOf(found), {
      peer: "string",
      serverName: "string",
      addresses: [{ address: "string", ms: "number" }],
      ok: "boolean",
      remedies: [],
      warnings: [],
      handshake: {
        version: "string",
        cipher: "string",
        group: "string",
        resumed: "boolean",
        asksCertificate: "boolean",
        ms: { connect: "number", tls: "number" },
        stapled: "boolean",
      },
      chain: [
        {
          ...{ subject: "string", issuer: "string", serial: "string" },
          names: [{ type: "string", value: "string" }],
          ...{ notBefore: "string", notAfter: "string", daysLeft: "number", key: "string" },
          ...{ signature: "string", usage: ["string"], fingerprint: "string", spki: "string" },
        },
      ],
      offers: {
        versions: ["string"],
        suites: { "TLSv1.3": ["string"], "TLSv1.2": ["string"] },
        ...{ groups: ["string"], alpn: [], resumes: "boolean", sameWithoutName: "boolean" },
        incomplete: "boolean",
      },
      backend: { tls: { ca: "string" }, tried: "boolean" },
    });
  });

  test("offers only what the peer does", async () => {
    const { found } = await inspectServer({
      ...good,
      maxVersion: "TLSv1.2",
      ciphers: "ECDHE-RSA-AES256-GCM-SHA384",
      ecdhCurve: "P-384",
    });
    assert.deepEqual(found.offers?.versions, ["TLSv1.2"]);
    assert.deepEqual(found.offers?.suites, { "TLSv1.2": ["ECDHE-RSA-AES256-GCM-SHA384"] });
    assert.deepEqual(found.offers?.groups, ["P-384"]);
    assert.deepEqual([found.ok, found.warnings.includes("TLS 1.3 is not spoken")], [true, true]);
  });

  for (const { what, tls, says, advises } of bad)
    test(`says what is wrong with ${what}, and what to do`, async () => {
      const { code, found, stderr } = await inspectServer(tls);
      assert.deepEqual([code, found.ok], [1, false]);
      assert.match(found.failure?.reason ?? "", says);
      assert.ok(
        found.remedies.some((remedy) => advises.test(remedy)),
        found.remedies.join("\n"),
      );
      assert.match(stderr, says);
    });

  test("names the authorities whose client certificates are asked for, where TLS 1.2 is spoken", async () => {
    const authorities = Array.from({ length: 12 }, (_, place) => testAuthority(`CA ${place}`));
    const tls = { ...good, requestCert: true, ca: authorities.map(({ cert }) => cert) };
    for (const rejectUnauthorized of [false, true]) {
      const { found } = await inspectServer({ ...tls, rejectUnauthorized });
      assert.deepEqual(
        new Set(found.handshake?.authorities),
        new Set(authorities.map((_, place) => `CN=CA ${place}`)),
      );
    }
    const newest = await inspectServer({ ...tls, rejectUnauthorized: false, minVersion: "TLSv1.3" });
    assert.deepEqual(
      [newest.found.handshake?.asksCertificate, newest.found.handshake?.authorities],
      [true, undefined],
    );
  });

  test("takes a client certificate along, and is let in with it", async () => {
    const client = authority.issue({ cn: "client" });
    using files = writeFiles({ "client.crt": client.chain, "client.key": client.key });
    const mine = ["--cert", files.path("client.crt"), "--key", files.path("client.key")];
    const tls = { ...good, requestCert: true, rejectUnauthorized: true, ca: authority.cert };
    const { found } = await inspectServer(tls, ...mine);
    assert.deepEqual([found.ok, found.failure], [true, undefined]);
  });

  test("makes a stranger's names harmless", async () => {
    const evil = issueOddly(authority, "/CN=x\u001b[2Jy", { "DNS.1": "localhost" });
    await using server = await startTarget(
      (socket) => socket.end(),
      { cert: evil.chain, key: evil.key },
      "localhost",
    );
    using files = writeFiles({ "ca.crt": authority.cert });
    const { stdout, code } = await command([
      "inspect",
      `localhost:${server.port}`,
      "--ca",
      files.path("ca.crt"),
    ]);
    assert.equal(code, 0);
    assert.ok(!stdout.includes("\u001b[2J"), JSON.stringify(stdout));
    assert.match(stdout, /In a configuration\n {2}backend:/);
  });

  const talkers = [
    { greeting: "SSH-2.0-OpenSSH_9.2\r\n", protocol: "SSH", advises: /^leave out tls: the peer speaks SSH/ },
    { greeting: "220 mail.example ESMTP Postfix\r\n", protocol: "SMTP", advises: /--starttls smtp/ },
    { greeting: "* OK IMAP4rev1 ready\r\n", protocol: "IMAP", advises: /--starttls imap/ },
  ];
  for (const { greeting, protocol, advises } of talkers)
    test(`recognises a peer that speaks ${protocol} first`, async () => {
      await using server = await startTarget(
        (socket) => socket.resume().write(greeting),
        undefined,
        "localhost",
      );
      const { code, found } = await inspect(server.port);
      assert.deepEqual([code, found.greeting?.protocol], [1, protocol]);
      assert.match(found.failure?.reason ?? "", new RegExp(`it speaks ${protocol}`));
      assert.match(found.remedies[0] ?? "", advises);
    });

  test("looks at the first line only of a greeting that never ends, without what steers a terminal", async () => {
    const line = `SSH-2.0-\u001b[2J${"x".repeat(500)}`;
    await using server = await startTarget(
      (socket) => {
        const go = () => {
          while (!socket.destroyed && socket.write(line.repeat(100)));
        };
        socket.on("drain", go).resume();
        go();
      },
      undefined,
      "localhost",
    );
    const { stdout, code } = await command(["inspect", `localhost:${server.port}`, "--timeout", "2s"]);
    assert.equal(code, 1);
    assert.match(stdout, /it speaks SSH/);
    assert.ok(!stdout.includes("\u001b") && stdout.length < 2000, JSON.stringify(stdout.slice(0, 2000)));
  });

  test("names a group to leave out for a peer that falls silent at a hello of two packets", async () => {
    await using server = await startTarget(() => {}, good, "localhost");
    await using path = await startTarget(
      (client) =>
        client.once("data", (hello) => {
          if (hello.length > 1200) return;
          const onward = connect(server.port, "localhost");
          onward.on("error", () => client.destroy()).on("close", () => client.destroy());
          onward.write(hello);
          client.on("close", () => onward.destroy());
          client.pipe(onward).pipe(client);
        }),
      undefined,
      "localhost",
    );
    const { code, found } = await inspect(path.port, "--timeout", "700ms");
    assert.equal(code, 1);
    assert.match(found.failure?.reason ?? "", /no answer within/);
    assert.deepEqual(found.offers?.versions, ["TLSv1.3", "TLSv1.2"]);
    assert.match(found.remedies[0] ?? "", /^groups: \[X25519, P-256/);
    assert.equal(found.backend?.tried, true);
  });

  test("recognises a web server", async () => {
    await using server = await startTarget(
      (socket) => socket.once("data", () => socket.end("HTTP/1.0 400 Bad Request\r\n\r\n")),
      undefined,
      "localhost",
    );
    const { found } = await inspect(server.port);
    assert.equal(found.greeting?.protocol, "HTTP");
  });

  test("ends in time with a peer that says nothing", async () => {
    await using server = await startTarget((socket) => socket.resume(), undefined, "localhost");
    const { found } = await inspect(server.port, "--timeout", "300ms");
    assert.match(found.failure?.reason ?? "", /no answer within 300ms/);
  });

  test("says that nobody listens, in the system's words", async () => {
    const { code, found } = await inspect(await freePort());
    assert.deepEqual([code, found.failure?.step], [1, "connect"]);
    assert.match(found.remedies[0] ?? "", /something listens/);
  });

  const dialogues = ["smtp", "imap", "pop3", "nntp", "ftp", "sieve", "xmpp", "ldap", "pgsql"] as const;
  for (const protocol of dialogues)
    test(`speaks ${protocol} before TLS when it is told to, and finds out by itself that it should`, async () => {
      await using target = await startTarget((socket) => socket.resume());
      await using program = await startInstance(
        `tunnels: { mail: { frontend: { listen: 127.0.0.1:0, negotiate: ${protocol}, tls: { cert: own.crt, key: own.key } }, backend: ${target.port} } }\n`,
        { "own.crt": chain, "own.key": key },
      );
      const port = program.port("mail");
      const { code, found, stderr } = await inspect(port, "--starttls", protocol);
      assert.deepEqual([code, found.starttls], [0, protocol], stderr);
      assert.deepEqual(found.offers?.versions, ["TLSv1.3", "TLSv1.2"]);
      // a client of PostgreSQL may begin with TLS at once, and our frontend lets it
      if (protocol === "pgsql") return;
      const { found: plain } = await inspect(port, "--timeout", "1500ms");
      assert.equal(plain.greeting?.starttls, protocol);
      assert.match(plain.remedies[0] ?? "", new RegExp(`--starttls ${protocol}`));
    });

  test("recognises a PostgreSQL server, which says nothing by itself", async () => {
    const sslRequest = Buffer.from("0000000804d2162f", "hex");
    await using server = await startTarget(
      (socket) => socket.once("data", (bytes: Buffer) => socket.end(bytes.equals(sslRequest) ? "S" : "")),
      undefined,
      "localhost",
    );
    const { found } = await inspect(server.port);
    assert.deepEqual([found.greeting?.protocol, found.greeting?.starttls], ["PostgreSQL", "pgsql"]);
  });

  test("tells the certificate without SNI from the one with it", async () => {
    const other = authority.issue({ cn: "other.example", key: "rsa" });
    const named = createSecureContext({ cert: chain, key });
    const { found } = await inspectServer({
      ...{ cert: other.chain, key: other.key },
      SNICallback: (_, done) => done(null, named),
    });
    assert.deepEqual([found.ok, found.offers?.sameWithoutName], [true, false]);
  });

  test("says when the peer leaves in the middle of the handshake", async () => {
    await using server = await startTarget(
      (socket) => socket.once("data", () => socket.end()),
      undefined,
      "localhost",
    );
    const { code, found } = await inspect(server.port);
    assert.deepEqual([code, found.ok], [1, false]);
    assert.match(found.failure?.reason ?? "", /left during the TLS handshake/);
  });

  for (const args of [["localhost"], ["localhost:1", "--cert", "a.crt"], ["localhost:1", "--starttls", "x"]])
    test(`refuses ${args.join(" ")} with exit code 64`, async () => {
      assert.equal((await command(["inspect", ...args])).code, 64);
    });

  test("names a file that is missing", async () => {
    const { code, stderr } = await command(["inspect", "localhost:1", "--ca", "/nonexistent/ca.crt"]);
    assert.equal(code, 66);
    assert.match(stderr, /--ca: .*\/nonexistent\/ca\.crt/);
  });
});
