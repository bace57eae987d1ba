/**
 * A certificate whose key was stolen must not open the tunnel from the moment its authority's list says so: not by a new session,
 * not by an old ticket, and not because the list is missing, stale or forged.
 */
import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import { after, before, suite, test } from "node:test";
import { type TestCertificate, testAuthority, writeFiles } from "../support/certificates.ts";
import { startEcho, startNamed, startOnce, type TestTarget } from "../support/echo.ts";
import { type Instance, runToEnd, startInstance } from "../support/instance.ts";
import { sClient } from "../support/openssl.ts";
import { run } from "../support/program.ts";
import { startReloadable } from "../support/reloadable.ts";
import { requires } from "../support/requires.ts";
import { startStunnel } from "../support/stunnel.ts";
import { sessionOf, visit } from "../support/visit.ts";

const hour = 3_600_000;
const from = (milliseconds: number) => new Date(Date.now() + milliseconds);
const servers = testAuthority("Servers");
const server = servers.issue({ usage: "server" });
const authority = testAuthority("Clients");
const below = authority.intermediate("Below");
const good = authority.issue({ cn: "good" });
const bad = authority.issue({ cn: "bad" });
const goodBelow = below.issue({ cn: "good" });
const badBelow = below.issue({ cn: "bad" });
const stale = { thisUpdate: from(-2 * hour), nextUpdate: from(-hour) };

const files = {
  "server.crt": server.chain,
  "server.key": server.key,
  "clients.crt": authority.cert,
  "root.crl": authority.crl([{ ...bad, reason: "keyCompromise" }]),
  "stale.crl": authority.crl([], stale),
  "other.crl": servers.crl([]),
  "below.crl": below.crl([badBelow]),
  "lists/root.crl": authority.crl([bad]),
  "lists/below.pem": below.crl([badBelow]),
  "lists/README": "no list",
  "revoked-below.crl": authority.crl([below]),
};

const modes = ["none", "optional", "required"] as const;
const clients: Readonly<Record<string, string>> = {
  "none-crl": "verify: none",
  ...Object.fromEntries(
    (["optional", "required"] as const).flatMap((mode) =>
      Object.entries({ crl: "root.crl", stale: "stale.crl", missing: "other.crl" }).map(([name, crl]) => [
        `${mode}-${name}`,
        `verify: ${mode}, ca: clients.crt, crl: ${crl}`,
      ]),
    ),
  ),
  folder: "ca: clients.crt, crl: lists",
  chain: "ca: clients.crt, crl: [ lists ], crlCheck: chain",
  "chain-gap": "ca: clients.crt, crl: [ below.crl ], crlCheck: chain",
  "chain-revoked": "ca: clients.crt, crl: [ below.crl, revoked-below.crl ], crlCheck: chain",
  leaf: "ca: clients.crt, crl: [ below.crl, revoked-below.crl ]",
};

const frontend = (name: string, client: string, target: number) => `
  ${name}:
    frontend: { listen: "127.0.0.1:0", tls: { cert: server.crt, key: server.key, client: { ${client} } } }
    backend: ${target}`;

suite("CRLs for clients", { concurrency: 4, ...requires("openssl") }, () => {
  let target: TestTarget;
  let program: Instance;

  before(async () => {
    target = await startEcho();
    const tunnels = Object.entries(clients).map(([name, client]) => frontend(name, client, target.port));
    program = await startInstance(
      `log: { rejections: 0 }\nmetrics: { listen: "127.0.0.1:0" }\ntunnels:${tunnels.join("")}`,
      files,
    );
  });

  after(async () => {
    await program[Symbol.asyncDispose]();
    await target.close();
  });

  async function knock(tunnel: string, identity: TestCertificate | undefined, version = "TLSv1.3") {
    const own = identity && { cert: identity.chain, key: identity.key };
    const tls = { ca: servers.cert, servername: "localhost", maxVersion: version as "TLSv1.3", ...own };
    const visited = await visit(program.port(tunnel), { tls });
    const line = await sessionOf(program, visited);
    return { text: visited.text, outcome: line.outcome, reason: line.reason ?? "", target: line.target };
  }

  const assertLetIn = (knocked: Awaited<ReturnType<typeof knock>>) =>
    assert.deepEqual([knocked.outcome, knocked.text, knocked.reason], ["completed", "hello", ""]);

  function assertRefused(knocked: Awaited<ReturnType<typeof knock>>, reason: RegExp) {
    assert.deepEqual([knocked.outcome, knocked.text, knocked.target], ["handshake-failed", "", undefined]);
    assert.match(knocked.reason, reason);
  }

  const verdicts: Readonly<Record<string, readonly [TestCertificate, RegExp | undefined]>> = {
    "crl: a revoked one": [
      bad,
      /^client certificate: revoked on \S+ \(keyCompromise\), says the CRL of CN=Clients$/,
    ],
    "crl: a good one": [good, undefined],
    "stale: a good one": [good, /^client certificate: the CRL of CN=Clients has expired on 20/],
    "missing: a good one": [good, /^client certificate: no CRL for issuer CN=Clients$/],
    "crl: a good one of an intermediate without a list": [
      goodBelow,
      /^client certificate: no CRL for issuer CN=Below$/,
    ],
  };
  for (const mode of modes)
    for (const version of ["TLSv1.2", "TLSv1.3"])
      for (const [what, [identity, refused]] of Object.entries(verdicts))
        test(`${mode}, ${version}, ${what} is ${mode !== "none" && refused ? "refused" : "let in"}`, async () => {
          const [list = ""] = what.split(":");
          const knocked = await knock(mode === "none" ? "none-crl" : `${mode}-${list}`, identity, version);
          if (mode === "none" || !refused) assertLetIn(knocked);
          else assertRefused(knocked, refused);
        });

  test("who shows no certificate where it is optional needs no list", async () => {
    assertLetIn(await knock("optional-stale", undefined));
  });

  test("a folder of lists is read, and what is no list in it is left alone", async () => {
    assertLetIn(await knock("folder", good));
    assertLetIn(await knock("folder", goodBelow));
    assertRefused(await knock("folder", bad), /revoked/);
    assertRefused(await knock("folder", badBelow), /revoked .* says the CRL of CN=Below$/);
  });

  test("crlCheck: chain looks up intermediate authorities too, leaf does not", async () => {
    assertLetIn(await knock("chain", goodBelow));
    assertRefused(await knock("chain", badBelow), /^client certificate: revoked/);
    assertRefused(
      await knock("chain-gap", goodBelow),
      /: its authority CN=Below: no CRL for issuer CN=Clients$/,
    );
    assertRefused(
      await knock("chain-revoked", goodBelow),
      /: its authority CN=Below: revoked .* CRL of CN=Clients$/,
    );
    assertLetIn(await knock("leaf", goodBelow));
  });

  test("a stale list is warned about, and metrics tell when each runs out", async () => {
    const warned = await program.line(
      ({ event, tunnel }) => event === "crl-expiring" && tunnel === "optional-stale",
    );
    assert.deepEqual([warned.level, warned["expired"], warned["issuer"]], ["warn", true, "CN=Clients"]);
    const ready = program.lines.find(({ event }) => event === "ready");
    const text = await (await fetch(`http://${ready?.["metrics"]}/metrics`)).text();
    const metric = (tunnel: string) =>
      Number(
        new RegExp(
          `^equilibria_crl_expiry_seconds\\{tunnel="${tunnel}",source="[^"]*\\.crl"\\} (\\S+)$`,
          "m",
        ).exec(text)?.[1],
      );
    assert.equal(metric("required-stale"), Math.floor(stale.nextUpdate.getTime() / 1000));
    assert.ok(metric("required-crl") > Date.now() / 1000);
    await knock("required-crl", bad);
    const after = await (await fetch(`http://${ready?.["metrics"]}/metrics`)).text();
    assert.match(
      after,
      /^equilibria_tls_handshake_failures_total\{tunnel="required-crl",side="frontend",reason="revoked"\} \d/m,
    );
  });
});

suite("a revocation that becomes known", requires("openssl"), () => {
  for (const version of ["1_2", "1_3"])
    test(`TLS ${version}: after a reload an old session is not resumed and its owner is refused`, async () => {
      await using target = await startOnce();
      const yaml = `tunnels:${frontend("ours", "ca: clients.crt, crl: root.crl", target.port)}`;
      await using program = await startReloadable(yaml, { ...files, "root.crl": authority.crl([]) });
      using own = writeFiles({ cert: bad.chain, key: bad.key });
      const session = own.path("session");
      const args = [`-tls${version}`, "-cert", own.path("cert"), "-key", own.path("key")];
      const port = program.instance.port("ours");
      const said = async (...more: string[]) => (await sClient(port, [...args, ...more])).text;
      assert.match(await said("-sess_out", session), /^New, TLS[\s\S]*hello/m);
      assert.match(await said("-sess_in", session), /^Reused, TLS[\s\S]*hello/m, "a good one is resumed");
      writeFileSync(program.path("root.crl"), authority.crl([bad], { number: 2 }));
      assert.equal((await program.reload()).event, "config-applied");
      const refused = await said("-sess_in", session);
      assert.doesNotMatch(refused, /^Reused, TLS/m);
      assert.doesNotMatch(refused, /hello/);
      const [, , last] = await program.instance.sessions(3);
      assert.equal(last?.outcome, "handshake-failed");
      assert.match(last?.reason ?? "", /^client certificate: revoked/);
    });

  test("a list that is replaced is in use by itself, on every worker, and old sessions are worthless", async () => {
    await using target = await startOnce();
    const yaml = `workers: 2\ntunnels:${frontend("ours", "ca: clients.crt, crl: lists", target.port)}`;
    const lists = { "lists/root.crl": authority.crl([]), "lists/below.pem": below.crl([]) };
    await using program = await startReloadable(yaml, { ...files, ...lists });
    using own = writeFiles({ cert: bad.chain, key: bad.key });
    const session = own.path("session");
    const args = ["-tls1_3", "-cert", own.path("cert"), "-key", own.path("key")];
    const port = program.instance.port("ours");
    assert.match((await sClient(port, [...args, "-sess_out", session])).text, /hello/);
    writeFileSync(program.path("lists/root.crl.new"), authority.crl([bad], { number: 2 }));
    renameSync(program.path("lists/root.crl.new"), program.path("lists/root.crl"));
    await program.instance.line(({ event }) => event === "material-applied");
    // new connections are given to either worker
    const knocks = Array.from({ length: 8 }, () => sClient(port, [...args, "-sess_in", session]));
    for (const { text } of await Promise.all(knocks)) {
      assert.doesNotMatch(text, /^Reused, TLS/m);
      assert.doesNotMatch(text, /hello/);
    }
    for (const { outcome, reason = "" } of (await program.instance.sessions(9)).slice(1)) {
      assert.equal(outcome, "handshake-failed");
      assert.match(reason, /^client certificate: revoked/);
    }
  });

  test("a list that cannot be used leaves the one before in use", async () => {
    await using target = await startOnce();
    const yaml = `tunnels:${frontend("ours", "ca: clients.crt, crl: root.crl", target.port)}`;
    await using program = await startReloadable(yaml, files);
    const knock = async (identity: TestCertificate) => {
      const own = { cert: identity.chain, key: identity.key };
      return (
        await visit(program.instance.port("ours"), {
          tls: { ca: servers.cert, servername: "localhost", ...own },
        })
      ).text;
    };
    for (const broken of ["", "no list", testAuthority("Clients").crl([])]) {
      writeFileSync(program.path("root.crl"), broken);
      const rejected = await program.reload();
      assert.equal(rejected.event, "config-rejected");
      assert.match(String(rejected["reason"]), /client\.crl: /);
      assert.deepEqual([await knock(good), await knock(bad)], ["hello", ""]);
    }
  });

  test("a revoked client goes where others go that are not let in, and nowhere else", async () => {
    await using target = await startOnce();
    await using elsewhere = await startNamed("elsewhere");
    const yaml = `tunnels:${frontend("ours", `ca: clients.crt, crl: root.crl, redirect: "127.0.0.1:${elsewhere.port}"`, target.port)}`;
    await using program = await startInstance(yaml, files);
    for (const identity of [bad, good]) {
      const own = { cert: identity.chain, key: identity.key };
      const { text } = await visit(program.port("ours"), {
        tls: { ca: servers.cert, servername: "localhost", ...own },
      });
      assert.equal(text, identity === bad ? "elsewhere\nhello" : "hello");
    }
    assert.deepEqual([target.sockets.length, elsewhere.sockets.length], [1, 1]);
  });

  test("a resumed session is looked up again: one whose list runs out meanwhile is refused", async () => {
    await using target = await startOnce();
    using own = writeFiles({ cert: good.chain, key: good.key });
    const session = own.path("session");
    const args = ["-tls1_3", "-cert", own.path("cert"), "-key", own.path("key")];
    const yaml = `tunnels:${frontend("ours", "ca: clients.crt, crl: root.crl", target.port)}`;
    // on a busy machine the list may have run out before the first session
    for (const seconds of [4, 10, 18]) {
      const list = authority.crl([], { nextUpdate: from(seconds * 1000) });
      await using program = await startInstance(yaml, { ...files, "root.crl": list });
      const first = await sClient(program.port("ours"), [...args, "-sess_out", session]);
      if (!/hello/.test(first.text)) continue;
      const warned = await program.line(({ event, expired }) => event === "crl-expiring" && expired === true);
      assert.match(String(warned["msg"]), /every certificate of this issuer is refused/);
      const again = await sClient(program.port("ours"), [...args, "-sess_in", session]);
      assert.match(again.text, /^Reused, TLS/m);
      assert.doesNotMatch(again.text, /hello/);
      const [, last] = await program.sessions(2);
      assert.equal(last?.tls?.resumed, true);
      assert.match(last?.reason ?? "", /the CRL of CN=Clients has expired/);
      return;
    }
    assert.fail("the list had always run out before the first session");
  });

  test("a resumed session of an intermediate's client is known by the chain of the first one", async () => {
    await using target = await startOnce();
    const yaml = `tunnels:${frontend("ours", "ca: clients.crt, crl: lists, crlCheck: chain", target.port)}`;
    await using program = await startInstance(yaml, files);
    using own = writeFiles({ cert: goodBelow.chain, key: goodBelow.key });
    const session = own.path("session");
    const args = [
      "-tls1_3",
      "-cert",
      own.path("cert"),
      "-cert_chain",
      own.path("cert"),
      "-key",
      own.path("key"),
    ];
    await sClient(program.port("ours"), [...args, "-sess_out", session]);
    const again = await sClient(program.port("ours"), [...args, "-sess_in", session]);
    assert.match(again.text, /^Reused, TLS[\s\S]*hello/m);
  });
});

suite("CRL files that cannot be used", () => {
  const broken: Readonly<Record<string, readonly [string, string | Buffer, RegExp]>> = {
    "that is not there": ["clients.crl", "", /client\.crl: there is no file .*nowhere\.crl/],
    "without a list": ["x.crl", "nothing", /client\.crl: .*x\.crl holds no CRL/],
    "of somebody else in the authority's name": [
      "x.crl",
      testAuthority("Clients").crl([]),
      /client\.crl: .*x\.crl, a CRL of CN=Clients, has a wrong signature/,
    ],
    "with a damaged list": [
      "x.crl",
      authority.crl([]).replace("MI", "MA"),
      /client\.crl: .*x\.crl is no CRL that can be read/,
    ],
  };
  for (const [what, [name, content, says]] of Object.entries(broken))
    test(`a file ${what} is an error before anything listens`, async () => {
      using folder = writeFiles({
        ...files,
        [name]: content,
        "tunnels.yaml": `tunnels:${frontend("ours", `ca: clients.crt, crl: ${content === "" ? "nowhere.crl" : name}`, 1)}`,
      });
      const { exit, stderr } = await runToEnd(["-c", folder.path("tunnels.yaml")]);
      assert.notEqual(exit, 0);
      assert.match(stderr, says);
    });
});

suite("CRLs for targets", requires("stunnel", "socat"), () => {
  // stunnel asks for one
  const own = servers.issue({ cn: "client", usage: "client" });

  for (const [who, identity] of Object.entries({ good: servers.issue(), revoked: server }))
    test(`stunnel with a ${who} certificate is ${who === "good" ? "used" : "refused"}`, async () => {
      await using echo = await startEcho();
      await using peer = await startStunnel({
        role: "server",
        connect: echo.port,
        ca: servers.cert,
        identity,
      });
      const yaml = `
tunnels:
  ours:
    frontend: 127.0.0.1:0
    backend: { targets: [ "127.0.0.1:${peer.port}" ], tls: { ca: ca.crt, crl: ca.crl, cert: own.crt, key: own.key, serverName: localhost } }`;
      await using program = await startInstance(yaml, {
        "ca.crt": servers.cert,
        "ca.crl": servers.crl([server]),
        "own.crt": own.chain,
        "own.key": own.key,
      });
      const { stdout } = await run("socat", ["-t", "20", "-", `TCP:127.0.0.1:${program.port("ours")}`], {
        input: "hi",
      });
      const [session] = await program.sessions(1);
      assert.equal(stdout.toString(), who === "good" ? "hi" : "");
      if (who === "good") assert.equal(session?.outcome, "completed");
      else
        assert.match(session?.reason ?? "", /server certificate: revoked on \S+, says the CRL of CN=Servers/);
      assert.equal(echo.sockets.length > 0 && session?.outcome !== "completed", false);
    });

  test("a target is refused whose issuer has no list, and again when the session could be resumed", async () => {
    await using echo = await startEcho();
    await using peer = await startStunnel({
      role: "server",
      connect: echo.port,
      ca: servers.cert,
      identity: server,
    });
    const yaml = `
tunnels:
  ours:
    frontend: 127.0.0.1:0
    backend: { targets: [ "127.0.0.1:${peer.port}" ], tls: { ca: ca.crt, crl: other.crl, cert: own.crt, key: own.key, serverName: localhost } }`;
    await using program = await startInstance(yaml, {
      "ca.crt": servers.cert,
      "other.crl": authority.crl([]),
      "own.crt": own.chain,
      "own.key": own.key,
    });
    for (const count of [1, 2]) {
      await visit(program.port("ours"));
      const session = (await program.sessions(count)).at(-1);
      assert.equal(session?.outcome, "connect-failed");
      assert.match(session?.reason ?? "", /server certificate: no CRL for issuer CN=Servers/);
    }
  });
});

suite("stunnel with a CRL", requires("stunnel", "socat"), () => {
  for (const [who, revoked] of Object.entries({ good: [], revoked: [good] }))
    test(`as the server it ${who === "good" ? "takes our certificate" : "refuses our revoked certificate"}`, async () => {
      await using echo = await startEcho();
      using list = writeFiles({
        "list.crl": authority.crl(revoked),
        "ca.crt": `${authority.cert}${servers.cert}`,
      });
      await using peer = await startStunnel({
        role: "server",
        connect: echo.port,
        ca: authority.cert,
        identity: server,
        options: { CRLfile: list.path("list.crl"), requireCert: "yes" },
      });
      const yaml = `
tunnels:
  ours:
    frontend: 127.0.0.1:0
    backend:
      targets: [ "127.0.0.1:${peer.port}" ]
      tls: { ca: ca.crt, cert: own.crt, key: own.key, serverName: localhost }`;
      await using program = await startInstance(yaml, {
        "ca.crt": servers.cert,
        "own.crt": good.chain,
        "own.key": good.key,
      });
      const visited = await visit(program.port("ours"), { say: "hi" });
      assert.equal(visited.text, who === "good" ? "hi" : "");
      if (who === "revoked") await peer.program.said(/certificate revoked/i);
    });

  test("as the client it is refused by our list, and refuses us by its own", async () => {
    await using echo = await startEcho();
    const revokedServer = servers.issue({ usage: "server" });
    const yaml = `tunnels:${frontend("ours", "ca: clients.crt, crl: root.crl", echo.port)}`;
    await using program = await startInstance(yaml, files);
    await using revokedClient = await startStunnel({
      role: "client",
      connect: program.port("ours"),
      ca: servers.cert,
      identity: bad,
    });
    assert.equal((await visit(revokedClient.port, { say: "hi" })).text, "");
    assert.match((await program.sessions(1))[0]?.reason ?? "", /^client certificate: revoked/);
    using list = writeFiles({ "list.crl": servers.crl([server, revokedServer]) });
    await using suspicious = await startStunnel({
      role: "client",
      connect: program.port("ours"),
      ca: servers.cert,
      identity: good,
      options: { CRLfile: list.path("list.crl") },
    });
    assert.equal((await visit(suspicious.port, { say: "hi" })).text, "");
    await suspicious.program.said(/certificate revoked/i);
    assert.equal(echo.sockets.length, 0);
  });
});
