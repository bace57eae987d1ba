/**
 * Another program decides who comes in: it must be asked about every session, resumed ones too, before the target hears anything of
 * the client, and nobody may come in while it is away.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { after, before, suite, test } from "node:test";
import { connect } from "node:tls";
import { spkiOf } from "../../src/tls/peer.ts";
import { answerWith, startAuthorizer, type TestAuthorizer } from "../support/authorizer.ts";
import { testAuthority } from "../support/certificates.ts";
import { startNamed, type TestTarget } from "../support/echo.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { until } from "../support/tunnels.ts";
import { endOf, openClient, sessionOf, visit } from "../support/visit.ts";

const authority = testAuthority();
const server = authority.issue();
const alice = authority.issue({ cn: "alice" });
const bob = authority.issue({ cn: "bob" });

suite("an authorizer", () => {
  let targets: { readonly inside: TestTarget; readonly outside: TestTarget };
  let asked: TestAuthorizer;
  let program: Instance;
  const held: ServerResponse[] = [];

  before(async () => {
    targets = { inside: await startNamed("inside"), outside: await startNamed("outside") };
    asked = await startAuthorizer(({ facts }, response) => {
      if (facts["tunnel"] === "held") held.push(response);
      else if (facts["tunnel"] !== "late") {
        const { commonNames = [] } = (facts["certificate"] ?? {}) as { commonNames?: readonly string[] };
        answerWith(response, { allow: commonNames.includes("alice"), reason: "only alice" });
      }
    });
    const tunnel = (name: string, client: string) => `
  ${name}:
    frontend:
      listen: 127.0.0.1:0
      timeouts: { handshake: 3s }
      tls: { cert: server.crt, key: server.key, client: { ${client} } }
    backend: ${targets.inside.port}`;
    const url = asked.url;
    const elsewhere = `redirect: "127.0.0.1:${targets.outside.port}"`;
    const tunnels = [
      tunnel("asks", `ca: ca.crt, authorize: "${url}"`),
      tunnel("redirects", `verify: optional, ca: ca.crt, authorize: "${url}", ${elsewhere}`),
      tunnel("anybody", `verify: none, authorize: "${url}"`),
      tunnel("pinned", `allow: { certificates: alice.crt }, authorize: "${url}"`),
      tunnel("held", `ca: ca.crt, authorize: { url: "${url}", timeout: 1m }`),
      tunnel("away", 'ca: ca.crt, authorize: "unix:nobody.sock"'),
      tunnel("late", `ca: ca.crt, authorize: { url: "${url}", timeout: 100ms }`),
    ];
    program = await startInstance(`tunnels:${tunnels.join("")}`, {
      "server.crt": server.chain,
      "server.key": server.key,
      "ca.crt": authority.cert,
      "alice.crt": alice.cert,
    });
  });

  after(async () => {
    await program[Symbol.asyncDispose]();
    await asked[Symbol.asyncDispose]();
    await targets.inside.close();
    await targets.outside.close();
  });

  async function knock(tunnel: string, identity?: typeof alice, session?: Buffer) {
    const shown = identity && { cert: identity.chain, key: identity.key };
    const visited = await visit(program.port(tunnel), { tls: { ...shown, ...(session ? { session } : {}) } });
    const line = await sessionOf(program, visited);
    return { where: visited.text.split("\n").at(0), line, session: visited.tls?.session };
  }

  test("lets in whom it allows, and is asked again when the session is resumed", async () => {
    const before = asked.questions.length;
    const first = await knock("asks", alice);
    const again = await knock("asks", alice, first.session);
    assert.deepEqual([first.where, again.where, again.line.tls?.resumed], ["inside", "inside", true]);
    assert.equal(asked.questions.length, before + 2);
    assert.equal(first.line.tls?.client?.verified, true);
  });

  test("closes whom it denies, with its reason in the log", async () => {
    const { where, line } = await knock("asks", bob);
    assert.deepEqual([where, line.outcome, line.attempts], ["", "handshake-failed", 0]);
    assert.match(line.reason ?? "", /the authorizer does not let the client in: only alice/);
  });

  test("redirects whom it denies where there is a redirect", async () => {
    assert.equal((await knock("redirects", alice)).where, "inside");
    const { where, line } = await knock("redirects", bob);
    assert.equal(where, "outside");
    assert.match(String(line["redirected"]), /only alice/);
    assert.equal((await knock("redirects")).where, "outside");
  });

  test("is asked about clients without a certificate too", async () => {
    const before = asked.questions.length;
    assert.equal((await knock("anybody", alice)).line.outcome, "handshake-failed");
    assert.equal(asked.questions.length, before + 1);
    assert.equal(asked.questions.at(-1)?.facts["certificate"], undefined);
  });

  test("is told no name that nobody but the client has vouched for", async () => {
    const { line } = await knock("pinned", alice);
    const { certificate } = asked.questions.at(-1)?.facts ?? {};
    assert.partialDeepStrictEqual(certificate, { verified: true, spki: spkiOf(alice.certificate) });
    const { commonNames, uris } = certificate as Readonly<Record<string, unknown>>;
    assert.deepEqual([commonNames, uris, line.outcome], [undefined, undefined, "handshake-failed"]);
  });

  test("that is away, or late, lets nobody in", async () => {
    for (const tunnel of ["away", "late"]) {
      const { where, line } = await knock(tunnel, alice);
      assert.deepEqual([where, line.outcome, line.attempts], ["", "handshake-failed", 0]);
      assert.match(line.reason ?? "", /the authorizer gave no answer/);
    }
  });

  test("that thinks holds back the target, and has no longer than the handshake", async () => {
    const dialled = targets.inside.sockets.length;
    const tls = { cert: alice.chain, key: alice.key, rejectUnauthorized: false };
    const client = connect({ host: "127.0.0.1", port: program.port("held"), ...tls });
    client.on("error", () => {}).once("secureConnect", () => client.write("early"));
    await until(() => held.length > 0);
    await endOf(client);
    const { outcome, reason } = (await program.sessions(1, "held")).at(0) ?? {};
    assert.deepEqual([outcome, targets.inside.sockets.length], ["handshake-failed", dialled]);
    assert.match(reason ?? "", /verdict on the client did not come in time/);
  });

  test("that allows in the end lets everything through that the client has sent meanwhile", async () => {
    const seen = held.length;
    const visiting = knock("held", alice);
    await until(() => held.length > seen);
    const response = held.at(-1);
    assert.ok(response);
    answerWith(response, { allow: true });
    const { where, line } = await visiting;
    assert.deepEqual([where, line.outcome, line.bytesIn], ["inside", "completed", 5]);
  });

  test("is left in peace when the client leaves", async () => {
    const seen = held.length;
    const tls = { cert: alice.chain, key: alice.key, rejectUnauthorized: false };
    const socket = await openClient(program.port("held"));
    connect({ socket, ...tls }).on("error", () => {});
    await until(() => held.length > seen);
    const gone = once(held.at(-1) as ServerResponse, "close");
    socket.resetAndDestroy();
    await gone;
    const line = await program.line(
      ({ tunnel, outcome }) => tunnel === "held" && outcome === "client-reset",
      "the line of a client that left",
    );
    assert.equal(line["attempts"], 0);
  });
});
