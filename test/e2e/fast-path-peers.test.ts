/**
 * The fast path plays with what Node does not promise: large reads into shared buffers, writes that gather. Whoever is at
 * the other end, in whatever pieces it writes and however slowly it reads, no byte may be lost, and nothing may stall.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { Readable } from "node:stream";
import { suite, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startEcho } from "../support/echo.ts";
import { startHaproxy } from "../support/haproxy.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { startNginxStream } from "../support/nginx.ts";
import { drained, MiB, randomBytesFor, receive, sha256 } from "../support/payload.ts";
import { freePort } from "../support/ports.ts";
import { run } from "../support/program.ts";
import { redisTls, startRedis } from "../support/redis.ts";
import { requires, toolPath } from "../support/requires.ts";
import { startStunnel } from "../support/stunnel.ts";

const authority = testAuthority();
const { chain, key } = authority.issue();
const payload = randomBytesFor("what peers send", 64 * MiB);
/** Bytes of a write, in turn: none fits a record, a page or a buffer. */
const pieces = [1, 7, 1499, 16_385, 65_537, 262_147, 1_048_579];

/** One proxy that is not ours: what it listens on leads to a port of 127.0.0.1. */
interface Foreign extends AsyncDisposable {
  readonly port: number;
}
type StartForeign = (to: number) => Promise<Foreign>;

const identity = { chain, key };
const pem = { "own.pem": `${chain}${key}`, "own.crt": chain, "own.key": key, "ca.crt": authority.cert };

/** Plain in, TLS out: in front of a TLS frontend. */
const clients: Readonly<Record<string, StartForeign>> = {
  stunnel: (to) => startStunnel({ role: "client", connect: to, ca: authority.cert }),
  haproxy: async (to) => {
    const port = await freePort();
    const server = `server s 127.0.0.1:${to} ssl verify required ca-file @ca.crt sni str(localhost) verifyhost localhost`;
    const program = await startHaproxy("tcp", `listen l\n  bind 127.0.0.1:${port}\n  ${server}\n`, pem);
    return { port, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
  },
  nginx: async (to) => {
    const port = await freePort();
    const trust = "proxy_ssl_verify on; proxy_ssl_trusted_certificate @ca.crt; proxy_ssl_name localhost;";
    const server = `server { listen 127.0.0.1:${port}; proxy_pass 127.0.0.1:${to}; proxy_ssl on; ${trust} }`;
    const program = await startNginxStream(server, pem);
    return { port, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
  },
};

/** TLS in, plain out: the target of a TLS backend. */
const targets: Readonly<Record<string, StartForeign>> = {
  stunnel: (to) =>
    startStunnel({
      role: "server",
      connect: to,
      ca: authority.cert,
      identity,
      options: { verifyChain: "no" },
    }),
  haproxy: async (to) => {
    const port = await freePort();
    const bind = `bind 127.0.0.1:${port} ssl crt @own.pem`;
    const program = await startHaproxy("tcp", `listen l\n  ${bind}\n  server s 127.0.0.1:${to}\n`, pem);
    return { port, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
  },
  nginx: async (to) => {
    const port = await freePort();
    const tls = `listen 127.0.0.1:${port} ssl; ssl_certificate @own.crt; ssl_certificate_key @own.key;`;
    const program = await startNginxStream(`server { ${tls} proxy_pass 127.0.0.1:${to}; }`, pem);
    return { port, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
  },
};

/** Sends the payload in odd pieces, has it back from an echo while it reads in fits, and only then ends. */
async function talk(port: number): Promise<void> {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  const hash = createHash("sha256");
  let got = 0;
  const back = new Promise<void>((resolve, reject) => {
    socket.once("error", reject).once("close", () => reject(new Error(`closed after ${got} bytes`)));
    socket.on("data", (chunk: Buffer) => {
      hash.update(chunk);
      // asleep for a moment every 8 MiB: what is between has to wait, and to wake up again
      if (Math.floor(got / (8 * MiB)) !== Math.floor((got + chunk.length) / (8 * MiB))) {
        socket.pause();
        void delay(20).then(() => socket.resume());
      }
      got += chunk.length;
      if (got >= payload.length) resolve();
    });
  });
  await Promise.all([back, sendOddly(socket)]);
  socket.end();
  assert.deepEqual([got, hash.digest("hex")], [payload.length, sha256(payload)]);
  await once(socket, "end");
  socket.destroy();
}

async function sendOddly(socket: Socket): Promise<void> {
  for (let at = 0, turn = 0; at < payload.length; turn++) {
    const size = pieces[turn % pieces.length] ?? 1;
    const more = socket.write(payload.subarray(at, at + size));
    at += size;
    if (!more) await drained(socket);
  }
}

/** Of the first 64 MiB that come. */
function digestOf(stream: Readable): Promise<string> {
  const hash = createHash("sha256");
  let got = 0;
  return new Promise((resolve, reject) => {
    stream.once("close", () => reject(new Error(`it ended after ${got} bytes`)));
    stream.on("data", (chunk: Buffer) => {
      hash.update(chunk);
      got += chunk.length;
      if (got >= payload.length) resolve(hash.digest("hex"));
    });
  });
}

/** One session that has gone the fast way to its end, with so many bytes. */
async function wentFast(program: Instance, bytes: { readonly in?: number; readonly out?: number }) {
  const [session] = await program.sessions(1);
  const { outcome, relay, reason } = session as unknown as Record<string, unknown>;
  assert.deepEqual([outcome, relay], ["completed", "fast"], String(reason));
  if (bytes.in !== undefined) assert.equal(session?.bytesIn, bytes.in);
  if (bytes.out !== undefined) assert.equal(session?.bytesOut, bytes.out);
}

/** TLS in, plain out. */
function startServer(target: number): Promise<Instance> {
  return startInstance(
    `tunnels: { t: { frontend: { listen: 127.0.0.1:0, tls: { cert: own.crt, key: own.key } }, backend: ${target} } }\n`,
    pem,
  );
}

/** Plain in, TLS out. */
function startClient(target: number): Promise<Instance> {
  return startInstance(
    `tunnels: { t: { frontend: 127.0.0.1:0, backend: { targets: [ ${target} ], tls: { ca: ca.crt, serverName: localhost } } } }\n`,
    pem,
  );
}

suite("64 MiB in each direction, in odd pieces and read in fits, arrive whole", () => {
  for (const [name, start] of Object.entries(clients))
    test(`from ${name} as the client`, requires(name), async () => {
      await using echo = await startEcho();
      await using program = await startServer(echo.port);
      await using foreign = await start(program.port("t"));
      await talk(foreign.port);
      await wentFast(program, { in: payload.length, out: payload.length });
    });

  for (const [name, start] of Object.entries(targets))
    test(`with ${name} as the target`, requires(name), async () => {
      await using echo = await startEcho();
      await using foreign = await start(echo.port);
      await using program = await startClient(foreign.port);
      await talk(program.port("t"));
      await wentFast(program, { in: payload.length, out: payload.length });
    });
});

suite("curl", requires("curl"), () => {
  test("has 64 MiB and brings 64 MiB", async () => {
    using files = writeFiles({ ...pem, payload });
    const server = createServer((request, response) => {
      if (request.method === "GET") response.end(payload);
      else void receive(request).then((got) => response.end(`${got.sha256}\n`));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    await using program = await startServer((server.address() as AddressInfo).port);
    const url = `https://localhost:${program.port("t")}/`;
    const how = [
      "--silent",
      "--show-error",
      "--cacert",
      files.path("ca.crt"),
      "--resolve",
      `localhost:${program.port("t")}:127.0.0.1`,
    ];
    const down = await run("curl", [...how, url]);
    assert.deepEqual([down.code, sha256(down.stdout)], [0, sha256(payload)]);
    const up = await run("curl", [...how, "--upload-file", files.path("payload"), url]);
    assert.equal(up.text, `${sha256(payload)}\n`);
    server.close();
    await wentFast(program, {});
  });
});

suite("openssl", requires("openssl", "ss"), () => {
  test("s_client sends 64 MiB and has them back", async () => {
    using files = writeFiles(pem);
    await using echo = await startEcho();
    await using program = await startServer(echo.port);
    const port = program.port("t");
    const args = [
      "s_client",
      "-quiet",
      "-verify_return_error",
      "-CAfile",
      files.path("ca.crt"),
      "-connect",
      `127.0.0.1:${port}`,
    ];
    const child = spawn(toolPath("openssl"), args, { stdio: ["pipe", "pipe", "ignore"] });
    const back = digestOf(child.stdout);
    child.stdin.on("error", () => {});
    child.stdin.write(payload);
    assert.equal(await back, sha256(payload));
    child.kill();
    const [session] = await program.sessions(1);
    assert.deepEqual([session?.bytesIn, session?.bytesOut], [payload.length, payload.length]);
  });

  test("s_server gets 64 MiB and sends 64 MiB", async () => {
    using files = writeFiles(pem);
    const port = await freePort();
    const identityArgs = ["-cert", files.path("own.crt"), "-key", files.path("own.key")];
    const child = spawn(
      toolPath("openssl"),
      ["s_server", "-quiet", "-naccept", "1", "-accept", `127.0.0.1:${port}`, ...identityArgs],
      { stdio: ["pipe", "pipe", "ignore"] },
    );
    child.stdin.on("error", () => {});
    const atServer = digestOf(child.stdout);
    await listening(port);
    await using program = await startClient(port);
    const socket = connect({ host: "127.0.0.1", port: program.port("t"), allowHalfOpen: true });
    const atClient = digestOf(socket);
    child.stdin.write(payload);
    await sendOddly(socket);
    // it leaves as soon as either side has ended, whatever it has still to send
    assert.deepEqual(await Promise.all([atServer, atClient]), [sha256(payload), sha256(payload)]);
    socket.end();
    await wentFast(program, { in: payload.length, out: payload.length });
  });
});

/** s_server does not say when it listens, and would take a question for its only connection. */
async function listening(port: number): Promise<void> {
  while ((await run("ss", ["-Hltn", `sport = :${port}`])).stdout.length === 0) await delay(20);
}

suite("redis-benchmark", requires("redis-server", "redis-benchmark", "redis-cli"), () => {
  test("has every answer, of large and of pipelined requests", async () => {
    using files = writeFiles(pem);
    await using redis = await startRedis();
    await using program = await startServer(redis.port);
    const tls = redisTls(program.port("t"), files.path("ca.crt"));
    for (const load of [
      ["-n", "20000", "-d", "3", "-P", "16"],
      ["-n", "3000", "-d", "100003", "-c", "20"],
    ]) {
      const { code, text } = await run("redis-benchmark", [...tls, ...load, "-q", "-t", "set,get"]);
      assert.equal(code, 0, text);
      assert.doesNotMatch(text, /error/i);
    }
    const ended = program.lines.filter(({ event }) => event === "session");
    assert.ok(ended.length >= 50, `${ended.length} sessions`);
    assert.deepEqual(
      [...new Set(ended.map((line) => `${line["outcome"]} ${line["relay"]}`))],
      ["completed fast"],
    );
  });
});
