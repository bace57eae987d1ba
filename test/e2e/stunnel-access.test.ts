/**
 * Who replaces stunnel on one side keeps it on the other: pins, pre-shared keys, PKCS#12, server names, resumed sessions and redirects
 * must mean the same to both programs, in both roles.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { SessionRecord } from "../../src/telemetry/session-record.ts";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startNamed, startOnce, type TestTarget } from "../support/echo.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { selfSigned } from "../support/openssl.ts";
import { requires } from "../support/requires.ts";
import { type Stunnel, startStunnel } from "../support/stunnel.ts";
import { visit } from "../support/visit.ts";

const authority = testAuthority();
const server = authority.issue({ usage: "server" });
const client = authority.issue({ cn: "client", usage: "client" });
const stranger = testAuthority("Somebody else").issue({ cn: "client", usage: "client" });
const lone = selfSigned("lone", "DNS:localhost");
const own = { chain: lone.cert, key: lone.key };
const key = "00112233445566778899aabbccddeeff";
const otherKey = "ffeeddccbbaa99887766554433221100";
const versions = ["TLSv1.2", "TLSv1.3"] as const;

const material = {
  "ca.crt": authority.cert,
  "server.crt": server.chain,
  "server.key": server.key,
  "server.p12": server.pfx("open sesame"),
  "client.crt": client.chain,
  "client.key": client.key,
  "client.p12": client.pfx("open sesame"),
  "stranger.crt": stranger.chain,
  "stranger.key": stranger.key,
  "lone.crt": lone.cert,
  "lone.key": lone.key,
  "psk.txt": `alice:${key}\nbob:${otherKey}\n`,
};
const serverFiles = "cert: server.crt, key: server.key";
const pskSuites = { ciphers: "ECDHE-PSK-CHACHA20-POLY1305", ciphersuites: "TLS_AES_128_GCM_SHA256" };

interface Setup extends AsyncDisposable {
  readonly inside: TestTarget;
  readonly outside: TestTarget;
  readonly instance: InProcess;
  readonly peer: Stunnel;
  /** Says hello through both programs; the answer, and what our log has of it. */
  talk(): Promise<{ readonly text: string; readonly line: SessionRecord }>;
}

interface PeerOptions {
  readonly identity?: { readonly chain: string; readonly key: string };
  readonly ca?: string;
  readonly options?: Readonly<Record<string, string | undefined>>;
  /** Goes to the outside, if that is the server name. */
  readonly elsewhere?: string;
}

/** stunnel is the client of our frontend. */
async function stunnelThenUs(tls: string, { identity, ca, options }: PeerOptions = {}): Promise<Setup> {
  await using stack = new AsyncDisposableStack();
  const inside = stack.use(await startOnce());
  const outside = stack.use(await startNamed("outside"));
  const block = tls.replace("REDIRECT", `redirect: "127.0.0.1:${outside.port}"`);
  const yaml = `tunnels:\n  ours:\n    frontend: { listen: "127.0.0.1:0", tls: { ${block} } }\n    backend: ${inside.port}\n`;
  const instance = stack.use(await startInProcess(yaml, material));
  const peer = stack.use(
    await startStunnel({
      role: "client",
      connect: instance.port("ours"),
      ca: ca ?? authority.cert,
      ...(identity ? { identity } : {}),
      ...(options ? { options } : {}),
    }),
  );
  return setupOf({ inside, outside, instance, peer, port: peer.port }, stack.move());
}

/** stunnel is the target of our backend. */
async function usThenStunnel(
  tls: string,
  { identity = server, ca = authority.cert, options = {}, elsewhere }: PeerOptions = {},
): Promise<Setup> {
  await using stack = new AsyncDisposableStack();
  const inside = stack.use(await startOnce());
  const outside = stack.use(await startNamed("outside"));
  const peer = stack.use(
    await startStunnel({
      role: "server",
      connect: inside.port,
      ca,
      identity,
      options: {
        ...options,
        ...(options["redirect"] ? { redirect: `127.0.0.1:${outside.port}` } : {}),
        // an SNI service that others hang on takes no verification of its own
        ...(elsewhere === undefined ? {} : { verifyChain: "no" }),
      },
      ...(elsewhere === undefined ? {} : { byServerName: { [elsewhere]: outside.port } }),
    }),
  );
  const yaml = `tunnels:\n  ours:\n    frontend: 127.0.0.1:0\n    backend: { targets: [ ${peer.port} ], tls: { ${tls} } }\n`;
  const instance = stack.use(await startInProcess(yaml, material));
  return setupOf({ inside, outside, instance, peer, port: instance.port("ours") }, stack.move());
}

function setupOf(
  { port, ...parts }: Omit<Setup, "talk" | typeof Symbol.asyncDispose> & { readonly port: number },
  stack: AsyncDisposableStack,
): Setup {
  let count = 0;
  return {
    ...parts,
    talk: async () => {
      const { text } = await visit(port);
      const line = (await parts.instance.sessions(++count)).at(count - 1);
      assert.ok(line);
      return { text, line };
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

suite("stunnel as the client, with access rules", {
  concurrency: 2,
  ...requires("stunnel", "openssl"),
}, () => {
  test("a pinned certificate that nobody has signed comes in, another one does not", async () => {
    const rules = `${serverFiles}, client: { allow: { certificates: lone.crt } }`;
    await using good = await stunnelThenUs(rules, { identity: own });
    assert.equal((await good.talk()).text, "hello");
    await using bad = await stunnelThenUs(rules, { identity: client });
    const { text, line } = await bad.talk();
    assert.deepEqual([text, line.outcome, bad.inside.sockets.length], ["", "handshake-failed", 0]);
  });

  test("it pins our certificate with verifyPeer", async () => {
    const options = { verifyChain: "no", verifyPeer: "yes" };
    await using good = await stunnelThenUs("cert: lone.crt, key: lone.key", { ca: lone.cert, options });
    assert.equal((await good.talk()).text, "hello");
    await using bad = await stunnelThenUs(serverFiles, { ca: lone.cert, options });
    assert.equal((await bad.talk()).text, "");
    assert.equal(bad.inside.sockets.length, 0);
  });

  test("our identity can be in PKCS#12", async () => {
    await using setup = await stunnelThenUs("pfx: server.p12, passphrase: open sesame");
    assert.equal((await setup.talk()).text, "hello");
  });

  test("the server name that it sends is in the log", async () => {
    await using setup = await stunnelThenUs(serverFiles, { options: { sni: "db.example.com" } });
    const { text, line } = await setup.talk();
    assert.deepEqual([text, line.serverName], ["hello", "db.example.com"]);
  });

  for (const sslVersion of versions) {
    test(`${sslVersion}: its pre-shared key lets it in; another one, or another name, does not`, async () => {
      using files = writeFiles({
        good: `alice:${key}\n`,
        wrong: `alice:${otherKey}\n`,
        unknown: `mallory:${key}\n`,
      });
      const talk = async (file: string) => {
        const PSKsecrets = files.path(file);
        const options = { sslVersion, PSKsecrets, verifyChain: "no", checkHost: undefined, ...pskSuites };
        await using setup = await stunnelThenUs("psk: { file: psk.txt }", { options });
        return { ...(await setup.talk()) };
      };
      const good = await talk("good");
      assert.equal(good.text, "hello", good.line.reason ?? "");
      assert.partialDeepStrictEqual(good.line, {
        tls: { version: sslVersion, psk: "alice", resumed: false },
      });
      const wrong = await talk("wrong");
      assert.equal(wrong.text, "");
      assert.match(wrong.line.reason ?? "", /another pre-shared key of the identity "alice"/);
      const unknown = await talk("unknown");
      assert.equal(unknown.text, "");
      assert.match(unknown.line.reason ?? "", /no pre-shared key of the identity "mallory" is known/);
    });

    for (const how of sslVersion === "TLSv1.2" ? (["ticket", "session id"] as const) : (["ticket"] as const))
      test(`${sslVersion}: it resumes by ${how}, and is still known by its certificate`, async () => {
        const noTicket: Record<string, string> = how === "ticket" ? {} : { options: "NO_TICKET" };
        const options = { sslVersion, ...noTicket };
        const rules = `${serverFiles}, client: { ca: ca.crt, allow: { cn: [ client ] } }`;
        await using setup = await stunnelThenUs(rules, { identity: client, options });
        const resumed: unknown[] = [];
        // with TLS 1.3 it uses each ticket once, and Node gives a resumed session no new one
        const visits = sslVersion === "TLSv1.2" ? 3 : 2;
        while (resumed.length < visits) {
          const { text, line } = await setup.talk();
          assert.equal(text, "hello");
          assert.equal(line.tls?.client?.subject, "CN=client");
          resumed.push(line.tls?.resumed);
        }
        assert.deepEqual(resumed, [false, true, true].slice(0, visits));
      });

    test(`${sslVersion}: with a bad certificate it is redirected, also on its second visit`, async () => {
      const rules = `${serverFiles}, client: { ca: ca.crt, REDIRECT }`;
      const options = { sslVersion };
      await using good = await stunnelThenUs(rules, { identity: client, options });
      assert.equal((await good.talk()).text, "hello");
      for (const identity of [stranger, undefined]) {
        await using bad = await stunnelThenUs(rules, { options, ...(identity ? { identity } : {}) });
        for (const resumed of [false, true]) {
          const { text, line } = await bad.talk();
          assert.deepEqual([text, line.tls?.resumed], ["outside\nhello", resumed]);
        }
        assert.equal(bad.inside.sockets.length, 0);
      }
    });
  }
});

suite("stunnel as the target, with access rules", {
  concurrency: 2,
  ...requires("stunnel", "openssl"),
}, () => {
  test("its certificate can be pinned, whoever has signed it", async () => {
    await using good = await usThenStunnel("verify: pin, allow: { certificates: lone.crt }", {
      identity: own,
      options: { verifyChain: "no" },
    });
    assert.equal((await good.talk()).text, "hello");
    await using bad = await usThenStunnel("verify: pin, allow: { certificates: lone.crt }", {
      options: { verifyChain: "no" },
    });
    const { text, line } = await bad.talk();
    assert.deepEqual([text, line.outcome, bad.inside.sockets.length], ["", "connect-failed", 0]);
  });

  test("it pins our certificate with verifyPeer", async () => {
    const options = { verifyChain: "no", verifyPeer: "yes", requireCert: "yes" };
    const tls = (name: string) => `ca: ca.crt, serverName: localhost, cert: ${name}.crt, key: ${name}.key`;
    await using good = await usThenStunnel(tls("lone"), { ca: lone.cert, options });
    assert.equal((await good.talk()).text, "hello");
    await using bad = await usThenStunnel(tls("client"), { ca: lone.cert, options });
    assert.equal((await bad.talk()).text, "");
    assert.equal(bad.inside.sockets.length, 0);
  });

  test("our identity towards it can be in PKCS#12", async () => {
    await using setup = await usThenStunnel(
      "ca: ca.crt, serverName: localhost, pfx: client.p12, passphrase: open sesame",
      { options: { requireCert: "yes" } },
    );
    assert.equal((await setup.talk()).text, "hello");
    await setup.peer.program.said(/Certificate accepted at depth=0: CN ?= ?client/);
  });

  test("it goes by the server name that we send", async () => {
    const tls = "ca: ca.crt, verify: chain, serverName: ";
    const elsewhere = "db.example.com";
    await using usual = await usThenStunnel(`${tls}web.example.com`, { elsewhere });
    assert.equal((await usual.talk()).text, "hello");
    await using other = await usThenStunnel(`${tls}${elsewhere}`, { elsewhere });
    assert.equal((await other.talk()).text, "outside\nhello");
  });

  for (const sslVersion of versions) {
    test(`${sslVersion}: it takes our pre-shared key; another one, or another name, it does not`, async () => {
      using files = writeFiles({ secrets: `alice:${key}\nbob:${key}\n` });
      const talk = async (psk: string) => {
        const options = { sslVersion, PSKsecrets: files.path("secrets"), verifyChain: "no", ...pskSuites };
        await using setup = await usThenStunnel(`psk: { file: psk.txt, identity: ${psk} }`, {
          options: { ...options },
        });
        return { ...(await setup.talk()), served: setup.inside.sockets.length };
      };
      const good = await talk("alice");
      assert.equal(good.text, "hello", good.line.reason ?? "");
      assert.partialDeepStrictEqual(good.line, { targetTls: { version: sslVersion, resumed: false } });
      const wrong = await talk("bob");
      assert.deepEqual([wrong.text, wrong.line.outcome, wrong.served], ["", "connect-failed", 0]);
    });

    for (const how of sslVersion === "TLSv1.2" ? (["ticket", "session id"] as const) : (["ticket"] as const))
      test(`${sslVersion}: we resume with it by ${how}, and it still knows us`, async () => {
        const noTicket: Record<string, string> = how === "ticket" ? {} : { options: "NO_TICKET" };
        const options = { sslVersion, requireCert: "yes", ...noTicket };
        await using setup = await usThenStunnel(
          "ca: ca.crt, serverName: localhost, cert: client.crt, key: client.key",
          { options },
        );
        const resumed: unknown[] = [];
        for (let visits = 0; visits < 3; visits++) {
          const { text, line } = await setup.talk();
          assert.equal(text, "hello", line.reason ?? "");
          resumed.push(line.targetTls?.resumed);
        }
        assert.deepEqual(resumed, [false, true, true]);
      });

    test(`${sslVersion}: it redirects us when our certificate is bad`, async () => {
      const options = { sslVersion, redirect: "yes", requireCert: "no" };
      const tls = (name: string) => `ca: ca.crt, serverName: localhost, cert: ${name}.crt, key: ${name}.key`;
      await using good = await usThenStunnel(tls("client"), { options });
      assert.equal((await good.talk()).text, "hello");
      await using bad = await usThenStunnel(tls("stranger"), { options });
      for (const _ of ["new", "again"]) assert.equal((await bad.talk()).text, "outside\nhello");
    });
  }
});
