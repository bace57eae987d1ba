/**
 * Keys of tickets are changed twice a day on every machine of a fleet at once: what was given under the old ones leads to a full
 * handshake everywhere, and what is given under the new ones is good everywhere.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { suite, test } from "node:test";
import { connect, createServer, type Server } from "node:tls";
import { loadServerTls } from "../../../src/tls/contexts.ts";
import { serverTlsOptions } from "../../../src/tls/options.ts";
import { rotationInterval, ticketKeys } from "../../../src/tls/tickets.ts";
import { testAuthority, writeFiles } from "../../support/certificates.ts";

const authority = testAuthority();

interface Machine extends AsyncDisposable {
  readonly server: Server;
  /** Takes the keys of this moment. */
  rotate(now: number): void;
}

async function startMachine(secret: Buffer): Promise<Machine> {
  const { chain, key } = authority.issue();
  using files = writeFiles({ "a.crt": chain, "a.key": key, "tickets.key": secret });
  const options = serverTlsOptions({ resolvePath: files.path }).parse({
    cert: "a.crt",
    key: "a.key",
    session: { keys: "tickets.key" },
  });
  const tls = await loadServerTls(options, "web");
  const server = createServer(tls.server, (socket) => socket.on("error", () => {}).end("hello"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    server,
    rotate: (now) => server.setTicketKeys(ticketKeys(tls.tickets, now)),
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, "close");
    },
  };
}

async function visit({ server }: Machine, maxVersion: "TLSv1.2" | "TLSv1.3", session?: Buffer) {
  const { port } = server.address() as AddressInfo;
  const ca = authority.cert;
  const socket = connect({
    host: "127.0.0.1",
    servername: "localhost",
    port,
    ca,
    maxVersion,
    ...(session ? { session } : {}),
  });
  let given: Buffer | undefined;
  socket.on("session", (fresh: Buffer) => {
    given = fresh;
  });
  // closed, the socket has forgotten it
  let reused = false;
  socket.resume().once("secureConnect", () => {
    reused = socket.isSessionReused();
  });
  await once(socket, "close");
  assert.ok(given ?? session);
  return { session: given ?? session, reused };
}

suite("the keys of tickets in a fleet", () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const)
    test(`${version}: old tickets end, new ones are good everywhere`, async () => {
      const secret = randomBytes(48);
      await using one = await startMachine(secret);
      await using other = await startMachine(secret);
      const now = Date.now();
      for (const machine of [one, other]) machine.rotate(now);
      const old = await visit(one, version);
      assert.equal((await visit(other, version, old.session)).reused, true);
      for (const machine of [one, other]) machine.rotate(now + rotationInterval);
      assert.equal((await visit(one, version, old.session)).reused, false);
      assert.equal((await visit(other, version, old.session)).reused, false);
      const fresh = await visit(one, version);
      assert.equal((await visit(other, version, fresh.session)).reused, true);
    });

  test("a secret that is too short is none", async () => {
    await assert.rejects(
      startMachine(randomBytes(31)),
      /tickets\.key holds 31 bytes; it needs 32 random ones/,
    );
  });
});
