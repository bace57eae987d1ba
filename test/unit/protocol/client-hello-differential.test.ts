// The route is chosen by our reader, the certificate and the rules are applied by OpenSSL: where the two differ about the name
// of one hello, a client meets the wrong rules. 10,000 hellos, of real clients, changed and damaged, are shown to both.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSecureContext } from "node:tls";
import fc from "fast-check";
import { canonicalServerName } from "../../../src/core/server-name.ts";
import { parseClientHello } from "../../../src/protocol/client-hello.ts";
import { testAuthority } from "../../support/certificates.ts";
import {
  askOpenssl,
  helloMessage,
  inRecords,
  messageOf,
  realHello,
  takeApart,
  withAlpn,
  withNames,
} from "../../support/client-hello.ts";
import { mutated } from "../../support/proxy-header.ts";

const server = testAuthority().issue();
const context = createSecureContext({ cert: server.chain, key: server.key });
const real = await Promise.all([
  realHello({ servername: "db.example.com", ALPNProtocols: ["h2", "http/1.1"] }),
  realHello({ servername: "a.test" }),
  realHello({ maxVersion: "TLSv1.2", servername: "b.test", ALPNProtocols: ["postgresql"] }),
  realHello({ maxVersion: "TLSv1.2", servername: "c.test", ecdhCurve: "P-256" }),
  realHello({ minVersion: "TLSv1.3", servername: "d.test", ecdhCurve: "X25519:P-256" }),
  realHello({ maxVersion: "TLSv1.2" }),
]);

const label = fc.stringMatching(/^[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,10}[a-zA-Z0-9])?$/);
const validName = fc
  .tuple(fc.array(label, { minLength: 1, maxLength: 4 }), fc.constantFrom("", "", "."))
  .map(([labels, dot]) => labels.join(".") + dot)
  .filter((name) => canonicalServerName(name) !== undefined);
const oddName = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.constantFrom("a\0b", "a..b", "..", "10.0.0.1", "::1", "*.test", "x".repeat(255), "x".repeat(256)),
);
const protocols = fc.array(fc.stringMatching(/^[ -~]{1,12}$/), { maxLength: 4 });
const base = fc.constantFrom(...real);
const recordSize = fc.constantFrom(16_384, 16_384, 1000, 50, 4, 1);

/** Hellos as clients may send them: our reader and OpenSSL must both read them, and the same in them. */
const valid = fc
  .tuple(base, fc.option(validName, { nil: undefined }), protocols, fc.infiniteStream(fc.nat()), recordSize)
  .map(([hello, name, alpn, order, size]) => {
    const changed = withAlpn(withNames(hello, name === undefined ? [] : [name]), alpn);
    const { head, extensions } = takeApart(changed);
    const shuffled = extensions
      .map((extension) => ({ extension, at: order.next().value ?? 0 }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ extension }) => extension);
    return inRecords(helloMessage({ head, extensions: shuffled }), size);
  });
const odd = fc
  .tuple(base, fc.array(oddName, { minLength: 1, maxLength: 2 }), recordSize)
  .map(([hello, names, size]) => inRecords(messageOf(withNames(hello, names)), size));
const damaged = mutated(valid);

test("our reader and OpenSSL read the same in 10,000 hellos", { timeout: 120_000 }, async (t) => {
  const counts = { both: 0, stricter: 0, neither: 0, unfinished: 0 };
  const compare = async (bytes: Buffer, mustBeRead: boolean) => {
    const ours = parseClientHello(bytes);
    // OpenSSL would only wait
    if (ours.kind === "more") {
      counts.unfinished++;
      assert.ok(!mustBeRead);
      return;
    }
    const theirs = await askOpenssl(bytes, context, mustBeRead ? 20_000 : 200);
    const about = `${JSON.stringify(ours)} ${JSON.stringify(theirs)} ${bytes.toString("hex")}`;
    if (mustBeRead) assert.ok(ours.kind === "value" && theirs.kind === "hello", about);
    if (theirs.kind === "refused") {
      counts.neither++;
      return;
    }
    if (ours.kind === "bad") {
      counts.stricter++;
      return;
    }
    counts.both++;
    const name = theirs.serverName === undefined ? undefined : canonicalServerName(theirs.serverName);
    const read = { serverName: name, alpn: theirs.alpn };
    // Node hands protocols over as ASCII
    const alpn = ours.value.alpn.map((protocol) => Buffer.from(protocol, "latin1").toString("ascii"));
    assert.deepEqual({ serverName: ours.value.serverName, alpn }, read, about);
  };
  // several at a time: OpenSSL waits for more of some
  const compareAll = async (all: readonly Buffer[], mustBeRead: boolean) => {
    for (let at = 0; at < all.length; at += 100)
      await Promise.all(all.slice(at, at + 100).map((bytes) => compare(bytes, mustBeRead)));
  };
  await compareAll(fc.sample(valid, { numRuns: 6000, seed: 1 }), true);
  await compareAll(fc.sample(odd, { numRuns: 1500, seed: 2 }), false);
  await compareAll(fc.sample(damaged, { numRuns: 2500, seed: 3 }), false);
  t.diagnostic(JSON.stringify(counts));
  assert.ok(counts.both > 6000 && counts.stricter > 100 && counts.neither > 100, JSON.stringify(counts));
});
