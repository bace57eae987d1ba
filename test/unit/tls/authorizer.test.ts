/**
 * The authorizer holds the keys to the door while it is asked: whatever it answers but a clear yes, and whatever happens to it, must
 * leave the door shut, and in time.
 */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { createServer } from "node:net";
import { suite, test } from "node:test";
import { Session } from "../../../src/core/session.ts";
import type { Peer } from "../../../src/tls/access.ts";
import { authorizer } from "../../../src/tls/authorizer.ts";
import { identify } from "../../../src/tls/peer.ts";
import { answerWith, startAuthorizer } from "../../support/authorizer.ts";
import { testAuthority, writeFiles } from "../../support/certificates.ts";

const authority = testAuthority();
const { certificate } = authority.issue({
  cn: "Alice",
  ou: "Ops",
  sans: ["a.example.com", "spiffe://x/web"],
});
const session = new Session({
  tunnel: "web",
  client: { kind: "tcp", host: "192.0.2.1", port: 50_000 },
  local: { kind: "tcp", host: "192.0.2.2", port: 443 },
});
session.serverName = "web.example.com";
session.tls = { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256", resumed: false };
const peer: Peer = {
  session,
  verification: { result: "verified" },
  certificate,
  identity: identify(certificate),
};
const never = new AbortController().signal;
const patient = 20_000;

async function labelOf(answer: (response: ServerResponse) => void, timeout = patient) {
  await using asked = await startAuthorizer((_, response) => answer(response));
  return (await authorizer({ url: asked.url, timeout })(peer, never))?.label;
}

suite("the authorizer", () => {
  test("is told the facts, each name with its kind", async () => {
    await using asked = await startAuthorizer((_, response) => answerWith(response, { allow: true }));
    assert.equal(await authorizer({ url: asked.url, timeout: patient })(peer, never), undefined);
    const [question] = asked.questions;
    assert.deepEqual([question?.method, question?.url, question?.type], ["POST", "/ask", "application/json"]);
    assert.partialDeepStrictEqual(question?.facts, {
      tunnel: "web",
      client: "192.0.2.1:50000",
      local: "192.0.2.2:443",
      serverName: "web.example.com",
      tls: { version: "TLSv1.3", resumed: false },
      certificate: {
        verified: true,
        subject: "OU=Ops, CN=Alice",
        commonNames: ["Alice"],
        organizationalUnits: ["Ops"],
        dns: ["a.example.com"],
        uris: ["spiffe://x/web"],
        fingerprint: identify(certificate).fingerprint,
      },
    });
  });

  test("of a client without a certificate tells so", async () => {
    await using asked = await startAuthorizer((_, response) => answerWith(response, { allow: true }));
    await authorizer({ url: asked.url, timeout: patient })(
      { session, verification: { result: "none" } },
      never,
    );
    assert.equal(asked.questions[0]?.facts["certificate"], undefined);
  });

  test("lets in with any 2xx and allow: true", async () => {
    assert.equal(await labelOf((response) => answerWith(response, { allow: true, more: 1 }, 201)), undefined);
  });

  const denied: Readonly<Record<string, unknown>> = {
    false: false,
    "a text": "true",
    "a number": 1,
    null: null,
    "a list": [true],
  };
  for (const [what, allow] of Object.entries(denied))
    test(`does not let in when allow is ${what}`, async () => {
      assert.equal(await labelOf((response) => answerWith(response, { allow })), "authorizer-denied");
    });

  const broken: Readonly<Record<string, (response: ServerResponse) => void>> = {
    "a redirect": (response) => response.writeHead(302, { location: "/yes" }).end('{"allow":true}'),
    "401 with a yes": (response) => answerWith(response, { allow: true }, 401),
    "500 with a yes": (response) => answerWith(response, { allow: true }, 500),
    "nothing in the body": (response) => response.end(),
    "no JSON": (response) => response.end("allow"),
    "JSON that is no object": (response) => response.end("true"),
    "a list": (response) => response.end('[{"allow":true}]'),
    "no allow": (response) => response.end("{}"),
    "a yes and then rubbish": (response) => response.end('{"allow":true} '.repeat(2)),
    "too much": (response) => response.end(`{"allow":true,"more":"${"x".repeat(100_000)}"}`),
    "a yes that breaks off": (response) => {
      response.writeHead(200, { "content-length": 100 });
      response.write('{"allow":true}', () => response.destroy());
    },
    "a reset": (response) => response.destroy(),
  };
  for (const [what, answer] of Object.entries(broken))
    test(`does not let in when the answer is ${what}`, async () => {
      assert.equal(await labelOf(answer), "authorizer-failed");
    });

  test("does not let in when there is no answer in time, or one that dribbles", async () => {
    assert.equal(await labelOf(() => {}, 50), "authorizer-failed");
    let timer: NodeJS.Timeout | undefined;
    const dribble = (response: ServerResponse) => {
      timer = setInterval(() => response.write(" "), 5);
    };
    assert.equal(await labelOf(dribble, 100), "authorizer-failed");
    clearInterval(timer);
  });

  test("does not let in when nobody listens, or it does not speak HTTP", async () => {
    const server = createServer((socket) =>
      socket
        .on("error", () => {})
        .resume()
        .end("220 smtp.example.com\r\n"),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const check = authorizer({ url: `http://127.0.0.1:${port}/`, timeout: patient });
    assert.equal((await check(peer, never))?.label, "authorizer-failed");
    await new Promise((resolve) => server.close(resolve));
    assert.match((await check(peer, never))?.reason ?? "", /gave no answer: .*ECONNREFUSED|refused/i);
  });

  test("stops when nobody waits any more", async () => {
    const controller = new AbortController();
    await using asked = await startAuthorizer(() => controller.abort());
    const refusal = await authorizer({ url: asked.url, timeout: patient })(peer, controller.signal);
    assert.equal(refusal?.label, "authorizer-failed");
    const before = await authorizer({ url: asked.url, timeout: patient })(peer, controller.signal);
    assert.deepEqual([before?.label, asked.questions.length], ["authorizer-failed", 1]);
  });

  test("is asked over a unix socket", async () => {
    using files = writeFiles({});
    const path = files.path("a.sock");
    await using asked = await startAuthorizer((_, response) => answerWith(response, { allow: true }), {
      path,
    });
    assert.equal(await authorizer({ url: asked.url, timeout: patient })(peer, never), undefined);
  });

  test("is asked over https, and must be who its name says", async () => {
    const { chain, key } = authority.issue({ cn: "localhost" });
    const tls = { cert: chain, key };
    await using asked = await startAuthorizer((_, response) => answerWith(response, { allow: true }), {
      tls,
    });
    const ask = (url: string, ca: string) => authorizer({ url, timeout: patient, ca: [ca] })(peer, never);
    assert.equal(await ask(asked.url, authority.cert), undefined);
    const stranger = await ask(asked.url, testAuthority("Strangers").cert);
    assert.match(stranger?.reason ?? "", /gave no answer: .*(not trusted|signature)/);
    const named = testAuthority("Named");
    const other = named.issue({ cn: "other.example", sans: ["other.example"] });
    await using wrong = await startAuthorizer((_, response) => answerWith(response, { allow: true }), {
      tls: { cert: other.chain, key: other.key },
    });
    assert.match((await ask(wrong.url, named.cert))?.reason ?? "", /another name/);
    assert.equal(wrong.questions.length, 0);
  });

  test("gives a reason, of which the log gets no more than it should", async () => {
    await using asked = await startAuthorizer((_, response) =>
      answerWith(response, { allow: false, reason: `not today ${"x".repeat(10_000)}` }),
    );
    const refusal = await authorizer({ url: asked.url, timeout: patient })(peer, never);
    assert.match(refusal?.reason ?? "", /does not let the client in: not today x+$/);
    assert.ok((refusal?.reason.length ?? 0) < 300);
  });
});
