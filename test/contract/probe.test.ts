/**
 * What every probe must do, whatever it asks: pass on a target that works, say in words why another one does not, end at
 * its deadline, and leave nothing open on either side. A new probe adds a row to the table, or this file fails.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { after, describe, it } from "node:test";
import { TLSSocket } from "node:tls";
import { checkStages } from "../../src/app/health.ts";
import { type RunningCheck, startCheck } from "../../src/backend/health/check.ts";
import { LiveTarget } from "../../src/backend/target.ts";
import { plugins } from "../../src/config/plugins.ts";
import type { Address } from "../../src/core/address.ts";
import type { TargetSpec } from "../../src/core/backend.ts";
import { type ClientTls, loadClientTls } from "../../src/tls/contexts.ts";
import { clientTlsOptions } from "../../src/tls/options.ts";
import { startBlackHole } from "../support/black-hole.ts";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { freePort } from "../support/ports.ts";

interface Row {
  readonly options: Readonly<Record<string, unknown>>;
  /** The target speaks TLS. */
  readonly tls?: boolean;
  /** A target that works. */
  readonly works: (socket: Socket) => void;
  /** Targets that do not, and what is said of them; a probe that does not look so far passes. */
  readonly silent?: RegExp;
  readonly closes?: RegExp;
  readonly garbage?: RegExp;
  readonly endless?: RegExp;
}

const ping: Row = {
  options: { send: "PING\r\n", expect: "+PONG" },
  // in pieces: an answer need not come at once
  works: (socket) =>
    socket.once("data", () => socket.write("+P", () => setImmediate(() => socket.write("ONG\r\n")))),
  silent: /^no answer within 200ms$/,
  closes: /^closed without an answer$/,
  garbage: /^closed after another answer: "SSH-2.0-x\\r\\n\\u0000/,
  endless: /^nothing in the first 64 KiB of the answer matches: "x{60}"…$/,
};
const fetchPage: Row = {
  options: { path: "/healthz?full", host: "web", body: "/^all is (fine|well)$/m", status: 200 },
  works: (socket) =>
    socket.once("data", (head: Buffer) => {
      const asked = /^GET \/healthz\?full HTTP\/1\.1\r\nHost: web\r\n/.test(head.toString());
      socket.write(`HTTP/1.1 ${asked ? 200 : 404} OK\r\nContent-Length: 20\r\n\r\nState:\nall is fine\n\n`);
    }),
  silent: /^no answer within 200ms$/,
  closes: /^closed without a whole answer$/,
  garbage: /^the answer is not HTTP$/,
  endless: /^the answer is not HTTP$/,
};
const shakeHands: Row = {
  options: {},
  tls: true,
  works: () => {},
};

const rows: Readonly<Record<string, readonly Row[]>> = {
  tcp: [{ options: {}, works: () => {} }],
  tls: [
    {
      ...shakeHands,
      silent: /^no connection within 200ms$/,
      closes: /^the peer left during the TLS handshake/,
      garbage: /^the peer does not speak TLS/,
      endless: /^the peer does not speak TLS/,
    },
  ],
  http: [fetchPage, { ...fetchPage, tls: true }],
  exchange: [ping, { ...ping, tls: true }],
};

/** Milliseconds: for a check that ends by itself, and for one that its deadline ends. */
const patience = 20_000;
const short = 200;

const authority = testAuthority();
const identity = authority.issue();
const files = writeFiles({ "ca.crt": authority.cert, "other.crt": testAuthority("Another").cert });
after(() => files[Symbol.dispose]());
const trust = (file: string) =>
  loadClientTls(clientTlsOptions({ resolvePath: (name) => files.path(name) }).parse({ ca: file }));
const client = await trust("ca.crt");
const stranger = await trust("other.crt");

it("every probe has its rows here", () => {
  assert.deepEqual(plugins.probes.map(({ name }) => name).toSorted(), Object.keys(rows).toSorted());
});

for (const [name, variants] of Object.entries(rows))
  for (const row of variants)
    describe(`the probe ${name}${row.tls ? " over TLS" : ""}`, () => {
      it("passes on a target that works, again and again, over IPv4 and a unix socket", async () => {
        for (const unix of [false, true]) {
          await using target = await serve(row, row.works, { unix });
          for (let time = 0; time < 3; time++) await check(name, row, target.spec).done;
          await target.quiet();
        }
      });

      it("goes to the check address where there is one", async () => {
        await using target = await serve(row, row.works);
        const elsewhere = { kind: "tcp", host: "localhost", port: await freePort() } as const;
        await check(name, row, { address: elsewhere, weight: 1, checkAddress: target.spec.address }).done;
      });

      it("says that a connection is refused", async () => {
        const address: Address = { kind: "tcp", host: "127.0.0.1", port: await freePort() };
        await assert.rejects(
          check(name, row, { address, weight: 1 }).done,
          /^connection refused|connection refused/,
        );
      });

      it("ends at its deadline when nothing answers, not even the network", async () => {
        await using hole = await startBlackHole();
        const address: Address = { kind: "tcp", host: "127.0.0.1", port: hole.port };
        await assert.rejects(check(name, row, { address, weight: 1 }, client, short).done, {
          message: "no connection within 200ms",
        });
      });

      if (row.tls)
        it("fails on a certificate of an authority that the backend does not trust", async () => {
          await using target = await serve(row, row.works);
          await assert.rejects(check(name, row, target.spec, stranger).done, /authority|root is not trusted/);
          await target.quiet();
        });

      const faults: Readonly<Record<string, readonly [RegExp | undefined, (socket: Socket) => void]>> = {
        "is silent": [row.silent, () => {}],
        "closes at once": [row.closes, (socket) => socket.end()],
        "answers garbage": [row.garbage, (socket) => socket.end("SSH-2.0-x\r\n\0\xff\r\n\r\n")],
        "never stops to talk": [row.endless, (socket) => pour(socket)],
      };
      for (const [fault, [expected, handle]] of Object.entries(faults))
        it(`${expected ? "fails on" : "does not care about"} a target that ${fault}`, async () => {
          // what fails the handshake must not speak TLS; what comes after it must
          await using target = await serve({ ...row, tls: row.tls === true && name !== "tls" }, handle);
          const timeout = expected?.source.includes("within") ? short : patience;
          if (expected) await rejects(check(name, row, target.spec, client, timeout), expected);
          else if (name !== "tls") await check(name, row, target.spec).done;
          await target.quiet();
        });

      it("is over at once when it is stopped", async () => {
        await using target = await serve({ ...row, tls: false }, () => {});
        const running = check(name, row, target.spec, client);
        running.stop();
        await assert.rejects(running.done, { message: "the check was stopped" });
        await target.quiet();
      });
    });

async function rejects(running: RunningCheck, expected: RegExp): Promise<void> {
  await assert.rejects(running.done, (error: Error) => {
    assert.match(error.message, expected);
    return true;
  });
}

function check(
  name: string,
  row: Row,
  spec: TargetSpec,
  trusted: ClientTls = client,
  timeout = patience,
): RunningCheck {
  const plugin = plugins.probes.find((one) => one.name === name);
  assert.ok(plugin);
  const probe = plugin.create(plugin.options.parse(row.options));
  const target = new LiveTarget({ ...spec, serverName: "localhost" });
  return startCheck(target, {
    backend: "test",
    probe,
    stages: checkStages(row.tls ? trusted : undefined),
    timeout,
  });
}

interface Server extends AsyncDisposable {
  readonly spec: TargetSpec;
  /** Resolves when no connection is left. */
  quiet(): Promise<void>;
}

async function serve({ tls }: Row, handle: (socket: Socket) => void, { unix = false } = {}): Promise<Server> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => {
      open.delete(socket);
      server.emit("quieter");
    });
    const start = (stream: Socket) => {
      handle(stream);
      // without a reader the end of the connection would not be seen
      stream.resume();
    };
    if (!tls) return start(socket);
    const secure = new TLSSocket(socket, { isServer: true, cert: identity.chain, key: identity.key });
    secure.on("error", () => {});
    secure.once("secure", () => start(secure));
  });
  const path = files.path(`${Math.random().toString(36).slice(2)}.sock`);
  server.listen(unix ? { path } : { port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  const bound = server.address();
  const address: Address =
    typeof bound === "object" && bound
      ? { kind: "tcp", host: "127.0.0.1", port: bound.port }
      : { kind: "unix", path };
  return {
    spec: { address, weight: 1 },
    quiet: async () => {
      while (open.size > 0) await once(server, "quieter");
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of open) socket.destroy();
      if (server.listening) await once(server, "close");
    },
  };
}

function pour(socket: Socket): void {
  const more = () => {
    while (!socket.destroyed && socket.write("x".repeat(1000)));
  };
  socket.on("drain", more);
  more();
}
