/**
 * A configuration that was imported must let in whom stunnel lets in, and nobody else. So the same file is given to stunnel itself and,
 * imported, to the program, and the same clients and targets meet both.
 */
import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { suite, test } from "node:test";
import type { ConnectionOptions, TlsOptions } from "node:tls";
import { importStunnel } from "../../src/config/import/stunnel/import-stunnel.ts";
import { type TestCertificate, testAuthority, writeFiles } from "../support/certificates.ts";
import { startNamed, startOnce } from "../support/echo.ts";
import { startInProcess } from "../support/in-process.ts";
import { selfSigned } from "../support/openssl.ts";
import { freePort } from "../support/ports.ts";
import { startProgram } from "../support/program.ts";
import { requires } from "../support/requires.ts";
import { visit } from "../support/visit.ts";

const authority = testAuthority();
const between = authority.intermediate();
const server = authority.issue({ usage: "server" });
const good = authority.issue({ cn: "alice.example.com", usage: "client" });
const stranger = testAuthority("Somebody else").issue({ cn: "alice.example.com", usage: "client" });
const long = { notBefore: daysAgo(10), days: 1 };
const expired = authority.issue({ cn: "alice.example.com", usage: "client", ...long });
const other = authority.issue({ cn: "bob.example.com", usage: "client" });
const mail = authority.issue({ cn: "Carol", sans: ["carol@example.com"], usage: "client" });
const forServers = authority.issue({ cn: "alice.example.com", usage: "server" });
const deeper = between.issue({ cn: "alice.example.com", usage: "client" });
const revoked = authority.issue({ cn: "alice.example.com", usage: "client" });
const revokedTarget = authority.issue({ cn: "db.example.com", usage: "server" });
const sameKey = createPrivateKey(other.key);
const renewed = authority.issue({ cn: "bob.example.com", usage: "client", key: sameKey });
const renamed = authority.issue({ cn: "carol.example.com", usage: "client", key: sameKey });
const lost = [revoked, revokedTarget];
const outdated = { thisUpdate: daysAgo(2), nextUpdate: daysAgo(1) };
const wildcard = authority.issue({ cn: "*.example.com", usage: "client" });
const nameless = authority.issue({ cn: "alice.example.com", sans: [], usage: "client" });
const lone = selfSigned("alice.example.com", "DNS:alice.example.com");
const key = "00112233445566778899aabbccddeeff";

const material = {
  "ca.crt": authority.cert,
  "ca.crl": authority.crl(lost),
  "server.crt": server.chain,
  "server.key": server.key,
  "client.crt": good.chain,
  "client.key": good.key,
  "pinned.crt": lone.cert + other.cert + expired.cert,
  "old.crl": authority.crl(lost, outdated),
  "lone.crt": lone.cert,
  "between.crt": between.cert,
  "pinned-with-authority.crt": authority.cert + other.cert + revoked.cert + lone.cert,
  "pinned-with-authority.crt.authorities": authority.cert,
  "both.crt": authority.cert + other.cert,
  "psk.txt": `alice:${key}\n`,
};

const bare: ConnectionOptions = {};
const by = ({ chain, key: own }: Pick<TestCertificate, "chain" | "key">): ConnectionOptions => ({
  cert: chain,
  key: own,
});
const byKey = (identity: string, secret: string): ConnectionOptions => ({
  ciphers: "TLS_AES_128_GCM_SHA256:ECDHE-PSK-CHACHA20-POLY1305",
  pskCallback: () => ({ identity, psk: Buffer.from(secret, "hex") }),
  checkServerIdentity: () => undefined,
});
const named = (servername: string, options = bare): ConnectionOptions => ({ ...options, servername });
const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;

/** Who comes or is visited, what stunnel then sends back, and what we do where that is something else on purpose. */
type Cases<Peer> = Readonly<Record<string, readonly [peer: Peer, stunnel: string, ours?: string]>>;

/** What a client gets back: from the inside, from where others are sent, or nothing. */
const [inside, outside, refused] = ["hello", "outside\nhello", ""] as const;

interface ServerCase {
  /** ACCEPT, INSIDE and OUTSIDE are addresses. */
  readonly file: string;
  readonly clients: Cases<ConnectionOptions>;
}

const identity = "cert = server.crt\nkey = server.key\n";
const plain = "[s]\naccept = ACCEPT\nconnect = INSIDE\n";
const service = plain + identity;
const virtual = `[v]\nconnect = OUTSIDE\n${identity}`;
const chain = "CAfile = ca.crt\nverifyChain = yes\n";

const servers: Readonly<Record<string, ServerCase>> = {
  "a server": {
    file: service,
    clients: {
      "a client without a certificate": [bare, inside],
      "a client with one that nobody asks for": [by(stranger), inside],
      "a client of TLS 1.2": [{ maxVersion: "TLSv1.2" }, inside],
      "a client of TLS 1.1": [old, refused],
    },
  },
  verifyChain: {
    file: `${service}${chain}`,
    clients: {
      "a good client": [by(good), inside],
      "a good client of TLS 1.2": [{ ...by(good), maxVersion: "TLSv1.2" }, inside],
      "one of an intermediate authority": [by(deeper), inside],
      "one without a certificate": [bare, refused],
      "one without a certificate, of TLS 1.2": [{ maxVersion: "TLSv1.2" }, refused],
      "one of another authority": [by(stranger), refused],
      "an expired one": [by(expired), refused],
      "one that shows a server's certificate": [by(forServers), refused],
      "one that nobody has signed": [by({ chain: lone.cert, key: lone.key }), refused],
    },
  },
  "verifyChain with requireCert = no": {
    file: `${service}${chain}requireCert = no\n`,
    clients: {
      "a good client": [by(good), inside],
      "one without a certificate": [bare, inside],
      "one of another authority": [by(stranger), refused],
    },
  },
  "requireCert = no before verifyChain": {
    file: `${service}requireCert = no\n${chain}`,
    clients: {
      "a good client": [by(good), inside],
      "one without a certificate": [bare, refused],
    },
  },
  "verifyPeer with requireCert = no": {
    file: `${service}CAfile = pinned.crt\nverifyPeer = yes\nrequireCert = no\n`,
    clients: {
      "a pinned one": [by(other), inside],
      "another one": [by(good), refused],
      "one without a certificate": [bare, inside],
    },
  },
  "verifyChain with checkHost and checkEmail": {
    file: `${service}${chain}checkHost = alice.example.com\ncheckEmail = carol@example.com\n`,
    clients: {
      "one with the name": [by(good), inside],
      "one with the address": [by(mail), inside],
      "one with another name": [by(other), refused],
      "one with a star in its name": [by(wildcard), inside, refused],
      "one with the name where no program looks any more": [by(nameless), inside, refused],
      "one with the name, of another authority": [by(stranger), refused],
      "one without a certificate": [bare, refused],
    },
  },
  verifyPeer: {
    file: `${service}CAfile = pinned.crt\nverifyPeer = yes\n`,
    clients: {
      "a pinned one that nobody has signed": [by({ chain: lone.cert, key: lone.key }), inside],
      "a pinned one of an authority": [by(other), inside],
      "a pinned one that has expired": [by(expired), refused],
      "another one": [by(good), refused],
      "one renewed with the same key": [by(renewed), inside],
      // stunnel looks for the subject first, then compares the keys
      "one with the same key and another name": [by(renamed), refused, inside],
      "one without a certificate": [bare, refused],
    },
  },
  "verify = 3": {
    file: `${service}CAfile = both.crt\nverify = 3\n`,
    clients: {
      "one that is named and signed": [by(other), inside],
      "one that is signed only": [by(good), refused],
      "one that is neither": [by(stranger), refused],
      "one without a certificate": [bare, refused],
    },
  },
  CRLfile: {
    file: `${service}${chain}CRLfile = ca.crl\n`,
    clients: {
      "one that is not revoked": [by(good), inside],
      "a revoked one": [by(revoked), refused],
      "one whose authority has no list": [by(deeper), refused],
    },
  },
  redirect: {
    file: `${service}${chain}CRLfile = ca.crl\nredirect = OUTSIDE\n`,
    clients: {
      "a good client": [by(good), inside],
      "one without a certificate": [bare, outside],
      "one of another authority": [by(stranger), outside],
      "an expired one": [by(expired), outside],
      "a revoked one": [by(revoked), outside],
    },
  },
  "virtual servers": {
    file: `${service}${virtual}sni = s:db.example.com\n${virtual.replace("v", "w")}sni = s:*.db.example.com\n[x]\nconnect = INSIDE\n${identity}sni = s:late.db.example.com\n`,
    clients: {
      "a client that asks for no name": [bare, inside],
      "one that asks for another name": [named("www.example.com"), inside],
      "one that asks for the name": [named("db.example.com"), outside],
      "one that asks for the name in capitals": [named("DB.example.com"), outside],
      "one that asks for a name below it": [named("a.db.example.com"), outside],
      "one that asks for the name of a service that stands behind it": [
        named("late.db.example.com"),
        outside,
      ],
      "one that asks for a name further below": [named("a.b.db.example.com"), outside, inside],
    },
  },
  "verifyChain up to the certificate itself": {
    file: `${service}CAfile = lone.crt\nverifyChain = yes\n`,
    clients: {
      "the one that nobody else has signed": [by({ chain: lone.cert, key: lone.key }), inside],
      "another one": [by(good), refused],
    },
  },
  "verifyChain up to an intermediate authority, without its own": {
    file: `${service}CAfile = between.crt\nverifyChain = yes\n`,
    clients: {
      "one of the intermediate authority": [by(deeper), refused],
      "one of the other": [by(good), refused],
    },
  },
  "verifyPeer with CRLfile": {
    file: `${service}CAfile = pinned-with-authority.crt\nverifyPeer = yes\nCRLfile = ca.crl\n`,
    clients: {
      "a pinned one": [by(other), inside],
      "a pinned one that is revoked": [by(revoked), refused],
      "a pinned one that no list could name": [by({ chain: lone.cert, key: lone.key }), refused],
    },
  },
  "verify = 3 with CRLfile": {
    file: `${service}CAfile = pinned-with-authority.crt\nverify = 3\nCRLfile = ca.crl\n`,
    clients: {
      "a pinned one": [by(other), inside],
      "a pinned one that is revoked": [by(revoked), refused],
      "one that is signed only": [by(good), refused],
    },
  },
  "an outdated CRLfile": {
    file: `${service}${chain}CRLfile = old.crl\n`,
    clients: {
      "one that is not revoked": [by(good), refused],
      "a revoked one": [by(revoked), refused],
    },
  },
  "verify = 1": {
    file: `${service}CAfile = ca.crt\nverify = 1\n`,
    clients: {
      "a good one": [by(good), inside],
      "one without a certificate": [bare, inside],
      "one of another authority": [by(stranger), refused],
    },
  },
  "redirect with verifyPeer": {
    file: `${service}CAfile = pinned.crt\nverifyPeer = yes\nredirect = OUTSIDE\n`,
    clients: {
      "a pinned one": [by(other), inside],
      "a pinned one that has expired": [by(expired), outside],
      "another one": [by(good), outside],
      "one without a certificate": [bare, outside],
    },
  },
  "redirect with requireCert = no": {
    file: `${service}${chain}checkHost = alice.example.com\nrequireCert = no\nredirect = OUTSIDE\n`,
    clients: {
      "one with the name": [by(good), inside],
      "one with another name": [by(other), outside],
      "one without a certificate": [bare, outside],
      "one without a certificate, of TLS 1.2": [{ maxVersion: "TLSv1.2" }, outside],
      "one of another authority": [by(stranger), outside],
    },
  },
  "versions, suites and groups up to TLS 1.2": {
    file: `${service}sslVersionMax = TLSv1.2\nciphers = ECDHE+AES256\ncurves = P-384\n`,
    clients: {
      "a client of TLS 1.2": [{ maxVersion: "TLSv1.2" }, inside],
      "one of TLS 1.3": [{ minVersion: "TLSv1.3" }, refused],
      "one that has another suite": [{ maxVersion: "TLSv1.2", ciphers: "ECDHE+CHACHA20" }, refused],
      "one that has another group": [{ maxVersion: "TLSv1.2", ecdhCurve: "X25519" }, refused],
    },
  },
  "versions and suites from TLS 1.3": {
    file: `${service}sslVersionMin = TLSv1.3\nciphersuites = TLS_CHACHA20_POLY1305_SHA256\n`,
    clients: {
      "a client of TLS 1.3": [{ minVersion: "TLSv1.3" }, inside],
      "one of TLS 1.2": [{ maxVersion: "TLSv1.2" }, refused],
      "one that has another suite": [{ ciphers: "TLS_AES_128_GCM_SHA256" }, refused],
    },
  },
  "securityLevel = 0": {
    file: `${service}securityLevel = 0\n`,
    clients: {
      "a client of TLS 1.1": [old, inside],
      "one of TLS 1.2": [{ maxVersion: "TLSv1.2" }, inside],
    },
  },
  "securityLevel = 0 with sslVersionMin": {
    file: `${service}securityLevel = 0\nsslVersionMin = TLSv1.2\n`,
    clients: {
      "a client of TLS 1.1": [old, refused],
      "one of TLS 1.2": [{ maxVersion: "TLSv1.2" }, inside],
    },
  },
  "a virtual server without the primary service's verifyChain": {
    file: `${service}${chain}${virtual}sni = s:db.example.com\n`,
    clients: {
      "a client without a certificate": [bare, refused],
      "a good one": [by(good), inside],
      "one without a certificate that asks for the name": [named("db.example.com"), outside],
    },
  },
  "a virtual server with verifyChain": {
    file: `${service}${virtual}sni = s:db.example.com\n${chain}`,
    clients: {
      "a client that asks for another name": [named("www.example.com"), inside],
      "a good one that asks for the name": [named("db.example.com", by(good)), outside],
      "one of another authority that asks for it": [named("db.example.com", by(stranger)), refused],
      "one without a certificate that asks for it": [named("db.example.com"), refused],
    },
  },
  PSKsecrets: {
    file: `${plain}PSKsecrets = psk.txt\nciphersuites = TLS_AES_128_GCM_SHA256\n`,
    clients: {
      "a client with the key": [byKey("alice", key), inside],
      "one with the key, of TLS 1.2": [{ ...byKey("alice", key), maxVersion: "TLSv1.2" }, inside],
      "one with another key": [byKey("alice", key.replaceAll("0", "f")), refused],
      "one with another key, of TLS 1.2": [
        { ...byKey("alice", key.replaceAll("0", "f")), maxVersion: "TLSv1.2" },
        refused,
      ],
      "one with another identity": [byKey("mallory", key), refused],
      "one without a key": [by(good), refused],
    },
  },
};

const at = ({ chain, key: own }: Pick<TestCertificate, "chain" | "key">): TlsOptions => ({
  cert: chain,
  key: own,
});
const target = (cn: string, issuer = authority) => at(issuer.issue({ cn, usage: "server" }));
const knowing = (known: string): TlsOptions => ({
  ...target(known),
  SNICallback: (name, done) => done(name === known ? null : new Error(`no ${name} here`)),
});
const asking: TlsOptions = { requestCert: true, rejectUnauthorized: true, ca: authority.cert };
const holding = (secret: string): TlsOptions => ({
  ciphers: "TLS_AES_128_GCM_SHA256:ECDHE-PSK-CHACHA20-POLY1305",
  pskCallback: (_, id) => (id === "alice" ? Buffer.from(secret, "hex") : null),
});

interface ClientCase {
  /** For all services, of which each target has its own. */
  readonly lines: string;
  readonly targets: Cases<TlsOptions>;
}

const clients: Readonly<Record<string, ClientCase>> = {
  "a client that verifies nothing": {
    lines: "CAfile = ca.crt\n",
    targets: {
      "a good target": [target("db.example.com"), inside],
      "one of another authority": [target("db.example.com", testAuthority("Somebody else")), inside],
    },
  },
  verifyChain: {
    lines: chain,
    targets: {
      "a good target": [target("db.example.com"), inside],
      "one of any name": [target("www.example.com"), inside],
      "one that shows a client's certificate": [at(good), refused],
      "one of another authority": [target("db.example.com", testAuthority("Somebody else")), refused],
      "an expired one": [at(authority.issue({ cn: "db.example.com", usage: "server", ...long })), refused],
    },
  },
  "verifyChain with checkHost": {
    lines: "CAfile = ca.crt\nverifyChain = yes\ncheckHost = db.example.com\n",
    targets: {
      "a good target": [target("db.example.com"), inside],
      "one of an intermediate authority": [target("db.example.com", between), inside],
      "one whose name has a star": [target("*.example.com"), inside],
      "one of another name": [target("www.example.com"), refused],
      "one with the name in its subject only": [
        at(authority.issue({ cn: "db.example.com", sans: [], usage: "server" })),
        inside,
        refused,
      ],
      "one of another authority": [target("db.example.com", testAuthority("Somebody else")), refused],
      "an expired one": [at(authority.issue({ cn: "db.example.com", usage: "server", ...long })), refused],
      "one that nobody has signed": [at({ chain: lone.cert, key: lone.key }), refused],
    },
  },
  "verifyChain with several names": {
    lines: "CAfile = ca.crt\nverifyChain = yes\ncheckHost = db.example.com\ncheckIP = 192.0.2.1\n",
    targets: {
      "a target with the name": [target("db.example.com"), inside],
      "one with the address": [target("192.0.2.1"), inside],
      "one with another name": [target("www.example.com"), refused],
    },
  },
  verifyPeer: {
    lines: "CAfile = pinned.crt\nverifyPeer = yes\n",
    targets: {
      "the pinned target": [at({ chain: lone.cert, key: lone.key }), inside],
      "another one": [target("alice.example.com"), refused],
    },
  },
  CRLfile: {
    lines: "CAfile = ca.crt\nverifyChain = yes\nCRLfile = ca.crl\n",
    targets: {
      "a target that is not revoked": [target("db.example.com"), inside],
      "a revoked one": [at(revokedTarget), refused],
      "one whose authority has no list": [target("db.example.com", between), refused],
    },
  },
  "verifyChain up to the certificate itself": {
    lines: "CAfile = lone.crt\nverifyChain = yes\ncheckHost = alice.example.com\n",
    targets: {
      "the one that nobody else has signed": [at({ chain: lone.cert, key: lone.key }), inside],
      "another one": [target("alice.example.com"), refused],
    },
  },
  sni: {
    lines: "sni = db.example.com\n",
    targets: {
      "a target of that name": [knowing("db.example.com"), inside],
      "one that knows another name only": [knowing("www.example.com"), refused],
    },
  },
  sslVersion: {
    lines: "sslVersion = TLSv1.3\n",
    targets: {
      "a target of TLS 1.3": [target("db.example.com"), inside],
      "one of TLS 1.2": [{ ...target("db.example.com"), maxVersion: "TLSv1.2" }, refused],
    },
  },
  "securityLevel = 0": {
    lines: "securityLevel = 0\n",
    targets: { "a target of TLS 1.1": [{ ...target("db.example.com"), ...old }, inside] },
  },
  checkEmail: {
    lines: "CAfile = ca.crt\nverifyChain = yes\ncheckEmail = carol@example.com\n",
    targets: {
      "a target with the address": [
        at(authority.issue({ cn: "Carol", sans: ["carol@example.com"], usage: "server" })),
        inside,
      ],
      "one with a name": [target("db.example.com"), refused],
    },
  },
  "cert and key": {
    lines: "CAfile = ca.crt\nverifyChain = yes\ncert = client.crt\nkey = client.key\n",
    targets: {
      "a target that asks for it": [{ ...target("db.example.com"), ...asking }, inside],
      "one that trusts another authority": [
        { ...target("db.example.com"), ...asking, ca: testAuthority("Somebody else").cert },
        refused,
      ],
    },
  },
  PSKsecrets: {
    lines: "PSKsecrets = psk.txt\nciphersuites = TLS_AES_128_GCM_SHA256\n",
    targets: {
      "a target with the key": [holding(key), inside],
      "one with another key": [holding(key.replaceAll("0", "f")), refused],
      "one with a certificate instead, which stunnel does not look at": [
        target("db.example.com"),
        inside,
        refused,
      ],
    },
  },
};

suite("a server of stunnel, imported", { concurrency: 2, ...requires("stunnel", "openssl") }, () => {
  for (const [title, { file, clients: visitors }] of Object.entries(servers))
    test(`${title}: the same clients are let in`, async () => {
      await using within = await startOnce();
      await using elsewhere = await startNamed("outside");
      await using both = await startBoth(
        file
          .replaceAll("INSIDE", `127.0.0.1:${within.port}`)
          .replaceAll("OUTSIDE", `127.0.0.1:${elsewhere.port}`),
      );
      await sameVerdicts(both, visitors, (ports, tls) => visit(ports[0] ?? 0, { tls }));
    });
});

suite("a client of stunnel, imported", { concurrency: 2, ...requires("stunnel", "openssl") }, () => {
  for (const [title, { lines, targets }] of Object.entries(clients))
    test(`${title}: the same targets are trusted`, async () => {
      await using stack = new AsyncDisposableStack();
      const sections: string[] = [];
      const places = new Map<TlsOptions, number>();
      for (const [tls] of Object.values(targets)) {
        const { port } = stack.use(await startOnce(tls));
        places.set(tls, sections.length);
        sections.push(`[t${sections.length}]\naccept = ACCEPT\nconnect = 127.0.0.1:${port}\n`);
      }
      await using both = await startBoth(`client = yes\n${lines}${sections.join("")}`);
      await sameVerdicts(both, targets, (ports, tls) => visit(ports[places.get(tls) ?? 0] ?? 0));
    });
});

function daysAgo(days: number): Date {
  return new Date(Date.now() - days * 86_400_000);
}

/** The ports that each of the two programs listens on, in the order of the file. */
interface Both extends AsyncDisposable {
  readonly stunnel: readonly number[];
  readonly ours: readonly number[];
}

async function startBoth(file: string): Promise<Both> {
  await using stack = new AsyncDisposableStack();
  const theirs = await withPorts(file);
  const files = stack.use(
    writeFiles({ ...material, "stunnel.conf": `foreground = yes\npid =\ndebug = 7\n${theirs.text}` }),
  );
  const program = stack.use(
    await startProgram("stunnel", [files.path("stunnel.conf")], {
      cwd: files.dir,
      ready: /Configuration successful/,
    }),
  );
  for (const port of theirs.ports) await program.said(new RegExp(`bound to 127\\.0\\.0\\.1:${port}`));
  const own = await withPorts(file);
  const { yaml, refused: reasons } = importStunnel(own.text, {
    source: "stunnel.conf",
    readFolder: () => [],
  });
  assert.ok(yaml !== undefined, reasons.join("\n"));
  stack.use(await startInProcess(yaml, material));
  const owned = stack.move();
  return { stunnel: theirs.ports, ours: own.ports, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function withPorts(
  file: string,
): Promise<{ readonly text: string; readonly ports: readonly number[] }> {
  const ports: number[] = [];
  for (const _ of file.matchAll(/ACCEPT/g)) ports.push(await freePort());
  let next = 0;
  return { text: file.replaceAll("ACCEPT", () => `127.0.0.1:${ports[next++]}`), ports };
}

/** All come to both programs, and get back from each what is expected. */
async function sameVerdicts<Peer>(
  both: Both,
  cases: Cases<Peer>,
  come: (ports: readonly number[], peer: Peer) => Promise<{ readonly text: string }>,
): Promise<void> {
  const seen = async (ports: readonly number[]) => {
    const texts = Object.entries(cases).map(
      async ([name, [peer]]) => [name, (await come(ports, peer)).text] as const,
    );
    return Object.fromEntries(await Promise.all(texts));
  };
  const expected = Object.entries(cases).map(([name, [, stunnel, ours = stunnel]]) => ({
    name,
    stunnel,
    ours,
  }));
  assert.deepEqual(
    { stunnel: await seen(both.stunnel), ours: await seen(both.ours) },
    {
      stunnel: Object.fromEntries(expected.map(({ name, stunnel }) => [name, stunnel])),
      ours: Object.fromEntries(expected.map(({ name, ours }) => [name, ours])),
    },
  );
}
