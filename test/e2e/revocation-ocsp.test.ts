/**
 * A responder is asked while a client waits, over a network where everything can fail: what it says must decide, what it does not
 * say must be decided by the operator (hard or soft), and nobody may wait longer than was allowed.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { type TestCertificate, testAuthority, writeFiles } from "../support/certificates.ts";
import { startOnce, type TestTarget } from "../support/echo.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { oddAnswer, type Responder, startOpensslResponder, startResponder } from "../support/ocsp.ts";
import { sClient } from "../support/openssl.ts";
import { freePort } from "../support/ports.ts";
import { startProgram } from "../support/program.ts";
import { requires } from "../support/requires.ts";
import { sessionOf, visit } from "../support/visit.ts";

const servers = testAuthority("Servers");
const server = servers.issue({ usage: "server" });
const authority = testAuthority("Clients");
const good = authority.issue({ cn: "good" });
const bad = authority.issue({ cn: "bad" });
const unknown = authority.issue({ cn: "unknown" });
const delegate = authority.issue({ cn: "responder", usage: "ocsp" });
const index = [good, { ...bad, revoked: true }];

const files = { "server.crt": server.chain, "server.key": server.key, "clients.crt": authority.cert };

const frontend = (name: string, ocsp: string, target: number) => `
  ${name}:
    frontend:
      listen: 127.0.0.1:0
      tls: { cert: server.crt, key: server.key, client: { ca: clients.crt, ocsp: { ${ocsp} } } }
    backend: ${target}`;

async function knock(program: Instance, tunnel: string, identity: TestCertificate) {
  const own = { cert: identity.chain, key: identity.key };
  const visited = await visit(program.port(tunnel), {
    tls: { ca: servers.cert, servername: "localhost", ...own },
  });
  const line = await sessionOf(program, visited);
  const { client } = (line["ocsp"] ?? {}) as { client?: string };
  return { text: visited.text, outcome: line.outcome, reason: line.reason ?? "", said: client };
}

type Knock = Awaited<ReturnType<typeof knock>>;

function assertLetIn({ outcome, text, reason }: Knock) {
  assert.deepEqual([outcome, text, reason], ["completed", "hello", ""]);
}

function assertRefused({ outcome, text, reason }: Knock, says: RegExp) {
  assert.deepEqual([outcome, text], ["handshake-failed", ""]);
  assert.match(reason, says);
}

suite("clients looked up at openssl's responder", requires("openssl"), () => {
  let target: TestTarget;
  let program: Instance;
  const cleanup = new AsyncDisposableStack();

  before(async () => {
    target = cleanup.use(await startOnce());
    const ours = cleanup.use(await startOpensslResponder({ authority, signer: delegate, index }));
    const foreign = cleanup.use(
      await startOpensslResponder({ authority, signer: testAuthority("Others"), index }),
    );
    const silent = cleanup.use(await startResponder(() => undefined));
    const broken = cleanup.use(await startResponder(() => ({ status: 503 })));
    const responders = {
      ours: ours.url,
      foreign: foreign.url,
      silent: silent.url,
      broken: broken.url,
      down: `http://127.0.0.1:${await freePort()}/`,
    };
    const tunnels = Object.entries(responders).flatMap(([name, url]) =>
      ["hard", "soft"].map((mode) =>
        frontend(
          `${name}-${mode}`,
          `mode: ${mode}, responder: "${url}", timeout: ${name === "silent" ? "200ms" : "9s"}, nonce: ${name === "ours"}`,
          target.port,
        ),
      ),
    );
    const named = frontend("named", "mode: hard", target.port);
    program = cleanup.use(
      await startInstance(
        `log: { rejections: 0 }\nmetrics: { listen: "127.0.0.1:0" }\ntunnels:${tunnels.join("")}${named}`,
        files,
      ),
    );
  });

  after(() => cleanup.disposeAsync());

  for (const mode of ["hard", "soft"]) {
    test(`${mode}: a good client is let in, a revoked one is not`, async () => {
      const letIn = await knock(program, `ours-${mode}`, good);
      assertLetIn(letIn);
      assert.equal(letIn.said, "good");
      const refused = await knock(program, `ours-${mode}`, bad);
      assertRefused(
        refused,
        /^client certificate: revoked on 2026-01-02T03:04:05\.000Z \(keyCompromise\), says the OCSP responder of CN=Clients$/,
      );
      assert.equal(refused.said, "revoked");
    });

    const nothings: Readonly<Record<string, readonly [string, TestCertificate, RegExp, string]>> = {
      "that the responder does not know": [
        "ours",
        unknown,
        /the OCSP responder does not know it$/,
        "unknown",
      ],
      "whose answer somebody else has signed": [
        "foreign",
        good,
        /the OCSP answer is signed by a certificate that/,
        "failed",
      ],
      "whose answer does not come": [
        "silent",
        good,
        /the OCSP answer of http:\S+ did not come within 200ms$/,
        "failed",
      ],
      "whose responder is ill": ["broken", good, /the OCSP answer of http:\S+ is HTTP status 503$/, "failed"],
      "whose responder is down": [
        "down",
        good,
        /the OCSP answer of http:\S+ did not come: .*refused/,
        "failed",
      ],
    };
    for (const [what, [responder, client, says, said]] of Object.entries(nothings))
      test(`${mode}: a client ${what} is ${mode === "hard" ? "refused" : "let in"}`, async () => {
        const knocked = await knock(program, `${responder}-${mode}`, client);
        if (mode === "hard") assertRefused(knocked, says);
        else assertLetIn(knocked);
        assert.equal(knocked.said, said);
      });
  }

  test("a certificate that names no responder cannot be looked up", async () => {
    assertRefused(
      await knock(program, "named", good),
      /the OCSP answer cannot be had: the certificate names no responder$/,
    );
  });

  test("metrics count what was learnt", async () => {
    await knock(program, "ours-hard", bad);
    const ready = program.lines.find(({ event }) => event === "ready");
    const text = await (await fetch(`http://${ready?.["metrics"]}/metrics`)).text();
    assert.match(
      text,
      /^equilibria_ocsp_checks_total\{tunnel="ours-hard",role="client",result="revoked"\} \d+$/m,
    );
    assert.match(
      text,
      /^equilibria_tls_handshake_failures_total\{tunnel="ours-hard",side="frontend",reason="revoked"\} \d+$/m,
    );
    assert.match(
      text,
      /^equilibria_tls_handshake_failures_total\{tunnel="silent-hard",side="frontend",reason="ocsp"\} 1$/m,
    );
  });
});

suite("what a responder said", requires("openssl"), () => {
  test("the responder that the certificate names is asked, once for all sessions while its answer counts", async () => {
    await using target = await startOnce();
    await using responder: Responder = await startResponder(() => oddAnswer({ authority, about: client }));
    const client = authority.issue({ cn: "client", ocspUrl: responder.url });
    await using program = await startInstance(`tunnels:${frontend("ours", "", target.port)}`, files);
    for (let count = 0; count < 3; count++) assertLetIn(await knock(program, "ours", client));
    await Promise.all([1, 2, 3].map(async () => assertLetIn(await knock(program, "ours", client))));
    assert.equal(responder.asked.length, 1);
  });

  test("ten at once share one question", async () => {
    await using target = await startOnce();
    await using responder: Responder = await startResponder(async () => {
      // most of them are waiting by then
      await new Promise((resolve) => setTimeout(resolve, 500));
      return oddAnswer({ authority, about: client });
    });
    const client = authority.issue({ cn: "client", ocspUrl: responder.url });
    await using program = await startInstance(
      `tunnels:${frontend("ours", "timeout: 9s", target.port)}`,
      files,
    );
    const all = await Promise.all(Array.from({ length: 10 }, () => knock(program, "ours", client)));
    for (const knocked of all) assertLetIn(knocked);
    assert.equal(responder.asked.length, 1);
  });

  test("an answer that has run out is asked for anew, and its news count", async () => {
    await using target = await startOnce();
    const { promise: over, resolve } = Promise.withResolvers<void>();
    await using responder: Responder = await startResponder(() => {
      const nextUpdate = new Date(Math.ceil(Date.now() / 1000) * 1000 + 2000);
      setTimeout(resolve, nextUpdate.getTime() - Date.now() + 10);
      return oddAnswer({ authority, about: client, nextUpdate });
    });
    const client = authority.issue({ cn: "client", ocspUrl: responder.url });
    await using program = await startInstance(`tunnels:${frontend("ours", "", target.port)}`, files);
    assertLetIn(await knock(program, "ours", client));
    responder.answer = () => oddAnswer({ authority, about: client, status: "revoked" });
    await over;
    assertRefused(await knock(program, "ours", client), /^client certificate: revoked/);
    assert.equal(responder.asked.length, 2);
  });

  test("an answer that has expired long ago lets nobody in", async () => {
    await using target = await startOnce();
    const [thisUpdate, nextUpdate] = [new Date(Date.now() - 7_200_000), new Date(Date.now() - 3_600_000)];
    await using responder: Responder = await startResponder(() =>
      oddAnswer({ authority, about: client, thisUpdate, nextUpdate }),
    );
    const client = authority.issue({ cn: "client", ocspUrl: responder.url });
    await using program = await startInstance(`tunnels:${frontend("ours", "", target.port)}`, files);
    assertRefused(await knock(program, "ours", client), /the OCSP answer has expired on 20/);
  });

  test("with a nonce an old answer is no use to anybody, and each session is asked about", async () => {
    await using target = await startOnce();
    await using responder: Responder = await startResponder(() => oddAnswer({ authority, about: good }));
    await using replayed = await startInstance(
      `tunnels:${frontend("ours", `nonce: true, responder: "${responder.url}"`, target.port)}`,
      files,
    );
    assertRefused(await knock(replayed, "ours", good), /the OCSP answer does not repeat the nonce$/);
    await using fresh = await startOpensslResponder({ authority, index });
    await using program = await startInstance(
      `tunnels:${frontend("ours", `nonce: true, responder: "${fresh.url}"`, target.port)}`,
      files,
    );
    assertLetIn(await knock(program, "ours", good));
    await fresh.setIndex([{ ...good, revoked: true }]);
    assertRefused(await knock(program, "ours", good), /^client certificate: revoked/);
  });

  for (const version of ["1_2", "1_3"])
    test(`TLS ${version}: a resumed session is looked up again`, async () => {
      await using target = await startOnce();
      await using responder = await startOpensslResponder({ authority, index });
      await using program = await startInstance(
        `tunnels:${frontend("ours", `nonce: true, responder: "${responder.url}"`, target.port)}`,
        files,
      );
      using own = writeFiles({ cert: good.chain, key: good.key });
      const session = own.path("session");
      const args = [`-tls${version}`, "-cert", own.path("cert"), "-key", own.path("key")];
      const said = async (...more: string[]) =>
        (await sClient(program.port("ours"), [...args, ...more])).text;
      assert.match(await said("-sess_out", session), /^New, TLS[\s\S]*hello/m);
      assert.match(await said("-sess_in", session), /^Reused, TLS[\s\S]*hello/m);
      await responder.setIndex([{ ...good, revoked: true }]);
      const refused = await said("-sess_in", session);
      assert.match(refused, /^Reused, TLS/m);
      assert.doesNotMatch(refused, /hello/);
      const last = (await program.sessions(3)).at(-1);
      assert.match(last?.reason ?? "", /^client certificate: revoked/);
    });
});

suite("targets by OCSP", requires("openssl"), () => {
  const own = servers.issue({ cn: "responder", usage: "ocsp" });
  const target = servers.issue({ usage: "server" });
  const answers = {
    good: oddAnswer({ authority: servers, about: target }),
    revoked: oddAnswer({ authority: servers, about: target, status: "revoked" }),
    unknown: oddAnswer({ authority: servers, about: target, status: "unknown" }),
    expired: oddAnswer({
      authority: servers,
      about: target,
      thisUpdate: new Date(Date.now() - 7_200_000),
      nextUpdate: new Date(Date.now() - 3_600_000),
    }),
    forged: oddAnswer({ authority: servers, about: target, signer: testAuthority("Servers") }),
    entrusted: oddAnswer({
      authority: servers,
      about: target,
      signer: own,
      certificates: [Buffer.from(own.certificate.raw)],
    }),
  };

  /** openssl's server, which sends back lines in reverse. */
  async function startServer(staple: Buffer | undefined) {
    await using cleanup = new AsyncDisposableStack();
    const stored = cleanup.use(
      writeFiles({ "server.crt": target.chain, "server.key": target.key, "staple.der": staple ?? "" }),
    );
    const port = await freePort();
    const stapling = staple ? ["-status_file", stored.path("staple.der")] : [];
    const identity = ["-cert", stored.path("server.crt"), "-key", stored.path("server.key")];
    cleanup.use(
      await startProgram(
        "openssl",
        ["s_server", "-accept", `127.0.0.1:${port}`, "-rev", ...identity, ...stapling],
        {
          ready: /ACCEPT/,
        },
      ),
    );
    const owned = cleanup.move();
    return { port, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  }

  const cleanup = new AsyncDisposableStack();
  let program: Instance;

  before(async () => {
    const revoking = cleanup.use(
      await startOpensslResponder({ authority: servers, index: [{ ...target, revoked: true }] }),
    );
    const approving = cleanup.use(await startOpensslResponder({ authority: servers, index: [target] }));
    const peers = await Promise.all(
      ["none", ...Object.keys(answers)].map(async (name) => {
        const peer = cleanup.use(await startServer(answers[name as keyof typeof answers]));
        return [name, peer.port] as const;
      }),
    );
    const ports = Object.fromEntries(peers);
    const tunnel = (name: string, port: number | undefined, ocsp: string) => `
  ${name}:
    frontend: 127.0.0.1:0
    backend:
      targets: [ "127.0.0.1:${port}" ]
      tls: { ca: ca.crt, serverName: localhost, ocsp: { ${ocsp} } }`;
    const tunnels = [
      ...peers.map(([name, port]) => tunnel(`${name}-hard`, port, "staple: only")),
      ...peers.map(([name, port]) => tunnel(`${name}-soft`, port, "staple: only, mode: soft")),
      tunnel("none-approved", ports["none"], `responder: "${approving.url}"`),
      tunnel("none-revoked", ports["none"], `responder: "${revoking.url}"`),
      tunnel("expired-revoked", ports["expired"], `responder: "${revoking.url}"`),
      tunnel("good-revoked", ports["good"], `responder: "${revoking.url}"`),
      tunnel("good-ignored", ports["good"], `staple: ignore, responder: "${revoking.url}"`),
    ];
    program = cleanup.use(await startInstance(`tunnels:${tunnels.join("")}`, { "ca.crt": servers.cert }));
  });

  after(() => cleanup.disposeAsync());

  /** The second of two sessions: the first one's TLS session must not be resumed unseen. */
  async function speak(tunnel: string) {
    await visit(program.port(tunnel), { say: "olleh\n" });
    const { text } = await visit(program.port(tunnel), { say: "olleh\n" });
    const session = (await program.sessions(2, tunnel)).at(-1);
    return { text, reason: session?.reason ?? "" };
  }

  const cases: Readonly<
    Record<keyof typeof answers | "none", readonly [only: RegExp | undefined, soft: boolean]>
  > = {
    good: [undefined, true],
    entrusted: [undefined, true],
    revoked: [/server certificate: revoked on 2026-01-02T03:04:05\.000Z \(keyCompromise\)/, false],
    unknown: [/server certificate: the OCSP responder does not know it/, true],
    expired: [/server certificate: the OCSP answer has expired/, true],
    forged: [/server certificate: the OCSP answer has a wrong signature/, true],
    none: [/server certificate: the OCSP answer is missing: the peer staples none/, true],
  };
  for (const [what, [refused, soft]] of Object.entries(cases))
    test(`a target that staples ${what === "none" ? "nothing" : `an answer that is ${what}`}`, async () => {
      const hard = await speak(`${what}-hard`);
      assert.equal(hard.text, refused ? "" : "hello\n");
      assert.match(hard.reason, refused ?? /^$/);
      const lenient = await speak(`${what}-soft`);
      assert.equal(lenient.text, soft ? "hello\n" : "");
    });

  test("without a staple that counts the responder is asked", async () => {
    assert.equal((await speak("none-approved")).text, "hello\n");
    assert.match((await speak("none-revoked")).reason, /server certificate: revoked/);
    assert.match((await speak("expired-revoked")).reason, /server certificate: revoked/);
    assert.equal((await speak("good-revoked")).text, "hello\n", "what is stapled is taken");
    assert.match((await speak("good-ignored")).reason, /server certificate: revoked/);
  });
});
