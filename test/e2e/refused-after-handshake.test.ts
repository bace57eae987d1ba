/**
 * A session can end in the very turn in which its TLS handshake is done: no target is free, so there is nothing to wait for. With
 * the socket destroyed first and TLS after it Node ended with a segmentation fault, and any stranger could bring that about.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { connect } from "node:tls";
import { testAuthority } from "../support/certificates.ts";
import { startEcho } from "../support/echo.ts";
import { startInstance } from "../support/instance.ts";
import { sessionOf, visit } from "../support/visit.ts";

const authority = testAuthority();
const server = authority.issue();
const trusting = { ca: authority.cert, servername: "localhost" };

for (const relay of ["fast", "stream"])
  test(`clients over TLS for whom no target is free are refused, and the program goes on (${relay})`, async () => {
    await using target = await startEcho();
    await using program = await startInstance(
      `
log: { rejections: 0 }
relay: ${relay}
tunnels:
  full:
    frontend: { listen: "127.0.0.1:0", tls: { cert: server.crt, key: server.key } }
    backend: { targets: [ { address: ${target.port}, maxConnections: 1 } ] }`,
      { "server.crt": server.chain, "server.key": server.key },
    );
    const first = connect({ port: program.port("full"), host: "127.0.0.1", ...trusting });
    first.write("first");
    await once(first, "data");
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const)
      for (let count = 0; count < 20; count++) {
        const visited = await visit(program.port("full"), { tls: { ...trusting, maxVersion } });
        assert.equal(visited.text, "");
        if (count === 0) assert.equal((await sessionOf(program, visited)).outcome, "limited");
      }
    first.end("last");
    assert.equal(String((await once(first, "data"))[0]), "last");
    await once(first, "end");
    assert.equal((await visit(program.port("full"), { tls: trusting })).text, "hello");
    assert.equal(await program.stop(), 0);
  });
