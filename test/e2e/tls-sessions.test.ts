/**
 * Resumption saves handshakes, but a resumed session skips the client's certificate: nginx CVE-2025-23419 let a ticket of one
 * virtual host open another. So tickets must work, be switchable, end in time, and open nothing but the tunnel they are from.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { type TestCertificate, testAuthority, writeFiles } from "../support/certificates.ts";
import { startOnce, type TestTarget } from "../support/echo.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { sClient } from "../support/openssl.ts";
import { requires } from "../support/requires.ts";
import { visit } from "../support/visit.ts";

const authority = testAuthority();
const server = authority.issue();
const authorities = { one: testAuthority("Clients one"), two: testAuthority("Clients two") };

const frontends: Readonly<Record<string, string>> = {
  plain: "",
  off: ", session: { tickets: false }",
  short: ", session: { lifetime: 90s }",
  one: ", client: { ca: one.crt }",
  two: ", client: { ca: two.crt }",
  "one-again": ", client: { ca: one.crt }",
};

suite("session resumption", requires("openssl"), () => {
  let target: TestTarget;
  let program: Instance;
  const files = writeFiles({});

  before(async () => {
    target = await startOnce();
    const tunnels = Object.entries(frontends).map(
      ([name, more]) => `
  ${name}:
    frontend: { listen: "127.0.0.1:0", tls: { cert: server.crt, key: server.key${more} } }
    backend: ${target.port}`,
    );
    program = await startInstance(`tunnels:${tunnels.join("")}`, {
      "server.crt": server.chain,
      "server.key": server.key,
      "one.crt": authorities.one.cert,
      "two.crt": authorities.two.cert,
    });
  });

  after(async () => {
    await program[Symbol.asyncDispose]();
    await target.close();
    files[Symbol.dispose]();
  });

  /** Whether openssl resumes at `second` the session that it got from `first`. */
  async function resumes(first: string, second: string, version: string, identity?: TestCertificate) {
    const session = files.path(`${first}-${second}-${version}.session`);
    using own = writeFiles({ cert: identity?.chain ?? "", key: identity?.key ?? "" });
    const args = [
      `-tls${version}`,
      ...(identity ? ["-cert", own.path("cert"), "-key", own.path("key")] : []),
    ];
    const got = await sClient(program.port(first), [...args, "-sess_out", session]);
    assert.match(got.text, /^New, TLS/m);
    const again = await sClient(program.port(second), [...args, "-sess_in", session]);
    const reused = /^(New|Reused), TLS/m.exec(again.text)?.[1];
    return { reused: reused === "Reused", got: got.text, again: again.text };
  }

  for (const version of ["1_2", "1_3"]) {
    const name = `TLS ${version.replace("_", ".")}`;

    test(`${name}: a ticket resumes the session`, async () => {
      const { reused, again } = await resumes("plain", "plain", version);
      assert.ok(reused, again);
      assert.match(again, /\nhello\n/);
    });

    test(`${name}: with tickets: false nothing is resumed`, async () => {
      const { reused } = await resumes("off", "off", version);
      assert.ok(!reused);
      const { reused: foreign } = await resumes("plain", "off", version);
      assert.ok(!foreign);
    });

    test(`${name}: the ticket says the lifetime that is configured`, async () => {
      const hint = async (tunnel: string, identity?: TestCertificate) => {
        const { got } = await resumes(tunnel, tunnel, version, identity);
        return /ticket lifetime hint: (\d+) /.exec(got)?.[1];
      };
      assert.equal(await hint("plain"), "600");
      assert.equal(await hint("short"), "90");
      assert.equal(await hint("one", authorities.one.issue({ cn: "client" })), "300");
    });

    test(`${name}: with client certificates a ticket resumes, and the client is still known`, async () => {
      const client = authorities.one.issue({ cn: "client" });
      const before = program.lines.length;
      const { reused, again } = await resumes("one", "one", version, client);
      assert.ok(reused, again);
      await program.line((line) => program.lines.indexOf(line) > before && line["tunnel"] === "one");
      const sessions = await program.sessions(2, "one");
      const resumed = sessions.filter(
        ({ tls }) => tls?.resumed && tls.version === `TLSv${version.replace("_", ".")}`,
      );
      assert.ok(resumed.length > 0);
      for (const { outcome, tls } of resumed)
        assert.deepEqual([outcome, tls?.client?.subject], ["completed", "CN=client"]);
    });

    test(`${name}: a ticket of one tunnel opens no other`, async () => {
      const client = authorities.one.issue({ cn: "client" });
      const { reused, again } = await resumes("one", "two", version, client);
      assert.ok(!reused);
      assert.doesNotMatch(again, /\nhello\n/);
      // not even one with the same rules, nor one without any
      assert.ok(!(await resumes("one", "one-again", version, client)).reused);
      assert.ok(!(await resumes("one", "plain", version, client)).reused);
      assert.ok(!(await resumes("plain", "one", version)).reused);
    });

    test(`${name}: a client without a certificate cannot bring in one by a session from elsewhere`, async () => {
      const { again, reused } = await resumes("plain", "two", version);
      assert.ok(!reused);
      assert.doesNotMatch(again, /\nhello\n/);
    });
  }

  test("Node's own client resumes too, and the log says so", async () => {
    const tls = { ca: authority.cert, servername: "localhost" };
    const first = await visit(program.port("plain"), { tls });
    const session = first.tls?.session;
    assert.ok(session);
    const second = await visit(program.port("plain"), { tls: { ...tls, session } });
    assert.deepEqual([second.text, second.tls?.reused], ["hello", true]);
    await program.line((line) => (line as { tls?: { resumed?: boolean } }).tls?.resumed === true);
  });
});
