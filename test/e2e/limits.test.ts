/**
 * Limits protect what is behind a tunnel, and clients from each other. One connection too many let in, or a slot that is not
 * given back, and they do neither; so they are counted through real sockets.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { connect as tlsConnect } from "node:tls";
import { testAuthority } from "../support/certificates.ts";
import { startEcho, type TestTarget } from "../support/echo.ts";
import { samples } from "../support/health.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { type Knock, knock, leave } from "../support/knock.ts";
import { sessionOf, visit } from "../support/visit.ts";

const patient = "queueTimeout: 1h";

suite("limits", { concurrency: true }, () => {
  const server = testAuthority().issue();
  let echo: TestTarget;
  let program: Instance;

  before(async () => {
    echo = await startEcho();
    const limited = (name: string, limits: string, more = "") => `
  ${name}:
    frontend: { listen: [ "127.0.0.1:0", "[::1]:0", "unix:${name}.sock" ], limits: { ${limits} } ${more} }
    backend: ${echo.port}`;
    const tls = ", tls: { cert: server.crt, key: server.key }";
    const proxy = ', proxyProtocol: { from: [ 127.0.0.1 ] }, allow: [ 192.0.2.0/24, "2001:db8::/32" ]';
    program = await startInstance(
      `
log: { rejections: 0 }
metrics: { listen: 127.0.0.1:0 }
defaults: { limits: { perClient: 100 } }
tunnels:${[
        limited("three", "connections: 3"),
        limited("storm", "connections: 3"),
        limited("five", "connections: 5"),
        limited("ended", `connections: 1, queue: 1, ${patient}`),
        limited("waiting", `connections: 1, queue: 3, ${patient}`),
        limited("leaving", `connections: 1, queue: 10, ${patient}`),
        limited("leaving-tls", `connections: 1, queue: 10, ${patient}`, tls),
        limited("impatient", "connections: 1, queue: 1, queueTimeout: 200ms"),
        limited("shares", `perClient: 2, connections: 8, queue: 50, ${patient}`),
        limited("networks", "perClient: 2, perClientPrefix: { v4: 24 }"),
        limited("named", "perClient: 1, connections: 100", proxy),
        limited("burst", "rate: { per: 1/h, burst: 3 }"),
        limited("paced", `rate: { per: 50/s, burst: 1 }, queue: 100, ${patient}`),
        limited("narrow", "sessionBandwidth: 100k"),
        limited("listed", "connections: 100", ", allow: [ 127.0.0.0/16, unix ], deny: [ 127.0.0.2 ]"),
      ].join("")}`,
      { "server.crt": server.chain, "server.key": server.key },
    );
  });

  after(async () => {
    await program[Symbol.asyncDispose]();
    await echo.close();
  });

  const queued = async (tunnel: string) =>
    (await samples(program, "equilibria_queue_length"))[`tunnel="${tunnel}"`];
  const waits = async (tunnel: string, count: number) => {
    while ((await queued(tunnel)) !== count);
  };
  const rejected = async (tunnel: string, reason: string) =>
    (await samples(program, "equilibria_connections_rejected_total"))[
      `tunnel="${tunnel}",reason="${reason}"`
    ] ?? 0;

  test("let in so many connections and not one more, and each that closes makes room for one", async () => {
    const to = program.port("three");
    using stack = new DisposableStack();
    const inside: Knock[] = [];
    for (let count = 0; count < 3; count++) {
      const client = stack.use(await knock(to));
      assert.equal(await client.verdict, "in");
      inside.push(client);
    }
    for (let round = 0; round < 5; round++) {
      using refused = await knock(to);
      assert.equal(await refused.verdict, "out");
      const [oldest] = inside.splice(0, 1);
      assert.ok(oldest);
      await leave(oldest);
      await sessionOf(program, { from: oldest.client, to });
      const next = stack.use(await knock(to));
      assert.equal(await next.verdict, "in");
      inside.push(next);
    }
    const line = program.lines.find(({ tunnel, outcome }) => tunnel === "three" && outcome === "limited");
    assert.deepEqual([line?.level, line?.["reason"]], ["info", "all 3 connections are taken"]);
    assert.equal(await rejected("three", "connections"), 5);
  });

  test("count the connections of all listeners of a tunnel together", async () => {
    using stack = new DisposableStack();
    const verdicts: string[] = [];
    for (const index of [0, 1, 2, 0, 1, 2]) {
      const client = stack.use(await knock(program.address("five", index)));
      verdicts.push(await client.verdict);
    }
    assert.deepEqual(verdicts, ["in", "in", "in", "in", "in", "out"]);
  });

  test("hold under a storm of connections, and lose no slot in it", async () => {
    const to = program.port("storm");
    for (let round = 0; round < 3; round++) {
      const clients = await Promise.all(Array.from({ length: 50 }, () => knock(to)));
      const verdicts = await Promise.all(clients.map(({ verdict }) => verdict));
      assert.equal(verdicts.filter((verdict) => verdict === "in").length, 3);
      await Promise.all(clients.map(leave));
      await program.sessions(50 * (round + 1), "storm");
    }
  });

  test("have the excess wait in a queue, first come first served, and refuse what is too much for it", async () => {
    const to = program.port("waiting");
    const order: string[] = [];
    const enter = async (name: string) => {
      const client = await knock(to);
      void client.verdict.then((verdict) => order.push(`${name} ${verdict}`));
      return client;
    };
    const clients = [await enter("a")];
    await clients[0]?.verdict;
    for (const [index, name] of ["b", "c", "d"].entries()) {
      clients.push(await enter(name));
      await waits("waiting", index + 1);
    }
    await (await enter("e")).verdict;
    assert.deepEqual(order, ["a in", "e out"]);
    for (const [index, client] of clients.entries()) {
      await leave(client);
      await clients[index + 1]?.verdict;
    }
    assert.deepEqual(order, ["a in", "e out", "b in", "c in", "d in"]);
    assert.equal(await rejected("waiting", "queue"), 1);
    assert.equal(await queued("waiting"), 0);
  });

  test("forget a client that leaves while it waits", async () => {
    const to = program.port("leaving");
    const first = await knock(to);
    await first.verdict;
    const gone = [await knock(to, { say: "" }), await knock(to, { say: "" })];
    await waits("leaving", 2);
    using stays = await knock(to);
    await waits("leaving", 3);
    gone[0]?.socket.destroy();
    gone[1]?.socket.resetAndDestroy();
    await waits("leaving", 1);
    for (const { client } of gone)
      assert.equal((await sessionOf(program, { from: client, to })).outcome, "client-reset");
    await leave(first);
    assert.equal(await stays.verdict, "in");
  });

  test("forget a TLS client that leaves while it waits, though it has said hello", async () => {
    const to = program.port("leaving-tls");
    using first = await knock(to, { say: "" });
    const hello = tlsConnect({ host: "127.0.0.1", port: to, rejectUnauthorized: false });
    hello.on("error", () => {});
    await waits("leaving-tls", 1);
    hello.end();
    hello.destroy();
    await waits("leaving-tls", 0);
    await leave(first);
    assert.equal((await visit(to, { tls: {}, say: "let me in" })).text, "let me in");
  });

  test("serve a client that has ended and waits for its answer", async () => {
    const to = program.port("ended");
    const first = await knock(to);
    await first.verdict;
    const answered = visit(to, { say: "and that was all" });
    await leave(first);
    assert.equal((await answered).text, "and that was all");
  });

  test("let nobody wait for ever", async () => {
    const to = program.port("impatient");
    using first = await knock(to);
    await first.verdict;
    using second = await knock(to);
    assert.equal(await second.verdict, "out");
    const line = await sessionOf(program, { from: second.client, to });
    assert.deepEqual(
      [line.outcome, line.reason],
      ["limited", "it has waited too long: all 1 connections are taken"],
    );
    assert.equal(await rejected("impatient", "queue-timeout"), 1);
  });

  test("give each client its share, and keep one with too much from slowing the others", async () => {
    const to = program.port("shares");
    const greedy = await Promise.all(Array.from({ length: 40 }, () => knock(to, { from: "127.0.0.2" })));
    const verdicts = await Promise.all(greedy.map(({ verdict }) => verdict));
    assert.equal(verdicts.filter((verdict) => verdict === "in").length, 2);
    assert.equal(await rejected("shares", "per-client"), 38);
    assert.equal(await queued("shares"), 0);
    for (const from of ["127.0.0.3", "127.0.0.4"]) {
      using other = await knock(to, { from });
      assert.equal(await other.verdict, "in");
    }
    await Promise.all(greedy.map(leave));
    await program.sessions(42, "shares");
    using again = await knock(to, { from: "127.0.0.2" });
    assert.equal(await again.verdict, "in");
  });

  test("take the clients of a unix socket for one, and those of a network where it is told so", async () => {
    using stack = new DisposableStack();
    const verdicts = async (knocks: readonly Promise<Knock>[]) =>
      Promise.all(knocks.map(async (client) => stack.use(await client).verdict));
    const unix = program.address("networks", 2);
    const counts = (all: readonly string[]) => all.filter((verdict) => verdict === "in").length;
    assert.equal(counts(await verdicts([knock(unix), knock(unix), knock(unix)])), 2);
    const to = program.port("networks");
    const near = ["127.0.0.5", "127.0.0.6", "127.0.0.7"].map((from) => knock(to, { from }));
    assert.equal(counts(await verdicts(near)), 2);
    assert.deepEqual(await verdicts([knock(to, { from: "127.0.1.5" })]), ["in"]);
    const v6 = program.address("networks", 1);
    assert.equal(counts(await verdicts([knock(v6), knock(v6), knock(v6)])), 2);
  });

  test("look at the client that a proxy names, not at the proxy", async () => {
    const to = program.port("named");
    using stack = new DisposableStack();
    const named = async (source: string, from = "127.0.0.1") => {
      const family = source.includes(":") ? "TCP6" : "TCP4";
      const destination = source.includes(":") ? "2001:db8::9" : "192.0.2.9";
      const say = `PROXY ${family} ${source} ${destination} 1000 2000\r\nx`;
      return stack.use(await knock(to, { say, from })).verdict;
    };
    assert.equal(await named("192.0.2.1"), "in");
    assert.equal(await named("192.0.2.2"), "in");
    assert.equal(await named("192.0.2.1"), "out");
    assert.equal(await named("2001:db8::1"), "in");
    assert.equal(await named("2001:db8::2"), "out");
    assert.equal(await named("198.51.100.1"), "out");
    assert.equal(await named("192.0.2.3", "127.0.0.3"), "out");
    assert.equal(await rejected("named", "per-client"), 2);
    assert.equal(await rejected("named", "network"), 2);
  });

  test("let in a burst, and no more than the rate from then on", async () => {
    const to = program.port("burst");
    const verdicts: string[] = [];
    for (let count = 0; count < 5; count++) {
      using client = await knock(to);
      verdicts.push(await client.verdict);
    }
    assert.deepEqual(verdicts, ["in", "in", "in", "out", "out"]);
    assert.equal(await rejected("burst", "rate"), 2);
  });

  test("let everybody in sooner or later who waits for nothing but the rate", async () => {
    const to = program.port("paced");
    const started = performance.now();
    const visits = await Promise.all(
      Array.from({ length: 20 }, (_, index) => visit(to, { say: `visit ${index}` })),
    );
    assert.deepEqual(
      visits.map(({ text }) => text),
      visits.map((_, index) => `visit ${index}`),
    );
    // 19 after the first at 50 a second
    assert.ok(performance.now() - started > 300);
  });

  test("slow a session down to its bandwidth, and lose nothing", async () => {
    const started = performance.now();
    const payload = Buffer.alloc(100 * 1024, "0123456789");
    const { text, error } = await visit(program.port("narrow"), { say: payload });
    assert.deepEqual([text, error], [payload.toString(), undefined]);
    // 200 KiB in both directions at 100 KiB a second
    assert.ok(performance.now() - started > 1000);
  });

  test("let in only clients of the networks on the list", async () => {
    const to = program.port("listed");
    const verdict = async (from: string) => {
      using client = await knock(to, { from });
      return await client.verdict;
    };
    assert.equal(await verdict("127.0.0.1"), "in");
    assert.equal(await verdict("127.0.0.2"), "out");
    assert.equal(await verdict("127.1.0.1"), "out");
    using local = await knock(program.address("listed", 2));
    assert.equal(await local.verdict, "in");
    using v6 = await knock(program.address("listed", 1));
    assert.equal(await v6.verdict, "out");
    const lines = (await program.sessions(4, "listed")).filter(({ outcome }) => outcome === "refused");
    assert.match(lines[0]?.reason ?? "", /^127\.0\.0\.2:\d+ is in a network that is denied$/);
    assert.match(lines[1]?.reason ?? "", /^127\.1\.0\.1:\d+ is in no network that is allowed$/);
  });
});
