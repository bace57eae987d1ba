// After a HelloRetryRequest a client names its server a second time, which only OpenSSL reads: the two must be the same.
import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { describe, it } from "node:test";
import { createServer, type TLSSocket, connect as tlsConnect } from "node:tls";
import { SessionError } from "../../../src/core/outcome.ts";
import { Session } from "../../../src/core/session.ts";
import { carriedBy, destroyBoth } from "../../../src/net/transport.ts";
import { requireSameName } from "../../../src/tls/same-name.ts";
import { testAuthority } from "../../support/certificates.ts";

const { chain: cert, key } = testAuthority().issue({ cn: "a.test" });

/** What becomes of a client that asks OpenSSL for `named`, when we had read `peeked`. */
async function verdict(named: string | undefined, peeked: string | undefined): Promise<string> {
  const server = createServer({ cert, key });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const connected = once(server, "connection");
  const accepted = once(server, "secureConnection");
  const options = { port: (server.address() as AddressInfo).port, rejectUnauthorized: false };
  const client = tlsConnect(named === undefined ? options : { ...options, servername: named });
  client.on("error", () => {});
  const [raw] = (await connected) as [Socket];
  const [stream] = (await accepted) as [TLSSocket];
  carriedBy(stream, raw);
  const tcp = { kind: "tcp", host: "127.0.0.1", port: 1 } as const;
  const session = new Session({ tunnel: "test", client: tcp, local: tcp });
  session.opening = { protocol: "tls", serverName: peeked };
  try {
    assert.equal(await requireSameName(session, stream), stream);
    return "in";
  } catch (error) {
    assert.ok(error instanceof SessionError);
    return `${error.outcome} ${error.label}`;
  } finally {
    client.destroy();
    destroyBoth(stream);
    server.close();
  }
}

describe("the name that OpenSSL has seen", () => {
  it("must be the one that the route was chosen by", async () => {
    assert.equal(await verdict("a.test", "a.test"), "in");
    assert.equal(await verdict("A.Test.", "a.test"), "in");
    assert.equal(await verdict(undefined, undefined), "in");
    for (const [named, peeked] of [
      ["b.test", "a.test"],
      ["b.test", undefined],
      [undefined, "a.test"],
    ])
      assert.equal(await verdict(named, peeked), "handshake-failed server-name");
  });
});
