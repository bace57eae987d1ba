/**
 * A load balancer that sends people to a machine that is dead, or leaves one out that is well, is worse than none. So:
 * real targets that die, fall ill and come back, and what clients, the log and the metrics have to say about it.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { startBlackHole } from "../support/black-hole.ts";
import { testAuthority } from "../support/certificates.ts";
import { startEcho, startNamed, startTarget } from "../support/echo.ts";
import { flipped, flips, samples, startPatient } from "../support/health.ts";
import { startInstance } from "../support/instance.ts";
import { freePort } from "../support/ports.ts";
import { startRedis } from "../support/redis.ts";
import { requires } from "../support/requires.ts";
import { startRevivable } from "../support/revivable.ts";
import { sessionOf, visit } from "../support/visit.ts";

const quick = "interval: 20ms, timeout: 10s";

suite("health checks", { concurrency: 4 }, () => {
  test("a target that dies is left out and comes back, each told once in log and metrics of every tunnel", async () => {
    await using dying = await startRevivable((socket) => socket.pipe(socket));
    await using other = await startEcho();
    await using program = await startInstance(`
metrics: { listen: "127.0.0.1:0" }
tunnels:
  one: { frontend: "127.0.0.1:0", backend: both }
  two: { frontend: "127.0.0.1:0", backend: both }
backends:
  both:
    targets: [ ${dying.port}, ${other.port} ]
    health: { type: tcp, ${quick}, rise: 2, fall: 3 }
    passive: { failures: 0 }`);
    await dying.stop();
    const reason = await flipped(program, dying.port, "down");
    assert.equal(reason, "3 checks in a row have failed: connection refused (ECONNREFUSED)");
    for (let time = 0; time < 4; time++) {
      const session = await sessionOf(program, await visit(program.port("one")));
      assert.deepEqual([session.outcome, session.attempts], ["completed", 1]);
      assert.equal(session.target, `127.0.0.1:${other.port}`);
    }
    const labels = (tunnel: string, port: number) => `tunnel="${tunnel}",target="127.0.0.1:${port}"`;
    assert.deepEqual(await samples(program, "equilibria_target_up"), {
      [labels("one", dying.port)]: 0,
      [labels("one", other.port)]: 1,
      [labels("two", dying.port)]: 0,
      [labels("two", other.port)]: 1,
    });
    await dying.start();
    assert.equal(await flipped(program, dying.port, "up"), "2 checks in a row have passed");
    assert.deepEqual(await samples(program, "equilibria_target_transitions_total"), {
      [`${labels("one", dying.port)},to="down"`]: 1,
      [`${labels("one", dying.port)},to="up"`]: 1,
      [`${labels("two", dying.port)},to="down"`]: 1,
      [`${labels("two", dying.port)},to="up"`]: 1,
    });
    assert.deepEqual(
      flips(program, dying.port).map(({ level, backend, from, to }) => [level, backend, from, to]),
      [
        ["warn", "both", "up", "down"],
        ["info", "both", "down", "up"],
      ],
    );
    assert.deepEqual(flips(program, other.port), []);
  });

  test("with initial: down a target that is dead gets no session, not even the first", async () => {
    const dead = await freePort();
    await using alive = await startEcho();
    await using program = await startInstance(`
tunnels:
  t:
    frontend: "127.0.0.1:0"
    backend: { targets: [ ${dead}, ${alive.port} ], health: { ${quick}, initial: down, rise: 1 } }`);
    await flipped(program, alive.port, "up");
    for (let time = 0; time < 4; time++) {
      const { outcome, attempts } = await sessionOf(program, await visit(program.port("t")));
      assert.deepEqual([outcome, attempts], ["completed", 1]);
    }
    assert.deepEqual(flips(program, dead), []);
  });

  test("interval: 0 turns checks off: nobody knocks, and a dead target stays up", async () => {
    await using target = await startRevivable((socket) => socket.pipe(socket));
    await using program = await startInstance(`
metrics: { listen: "127.0.0.1:0" }
defaults: { health: { type: tcp, ${quick}, fall: 1, initial: down } }
tunnels:
  off: { frontend: "127.0.0.1:0", backend: { targets: [ ${target.port} ], health: { interval: 0 } } }
  on: { frontend: "127.0.0.1:0", backend: ${target.port} }`);
    assert.equal((await visit(program.port("off"))).text, "hello");
    await flipped(program, target.port, "up");
    await target.stop();
    await flipped(program, target.port, "down");
    const up = await samples(program, "equilibria_target_up");
    assert.equal(up[`tunnel="off",target="127.0.0.1:${target.port}"`], 1);
    assert.deepEqual([...new Set(flips(program, target.port).map(({ backend }) => backend))], ["on"]);
  });

  test("a target whose answer turns from 200 to 500 is down although its port is open", async () => {
    await using ill = await startPatient();
    await using program = await startInstance(`
tunnels:
  t:
    frontend: "127.0.0.1:0"
    backend: { targets: [ ${ill.port} ], health: { type: http, path: /healthz, body: fine, ${quick} } }`);
    await ill.answered(5);
    assert.deepEqual(flips(program, ill.port), []);
    ill.status = 500;
    const reason = await flipped(program, ill.port, "down");
    assert.equal(reason, "3 checks in a row have failed: status 500 instead of 200-399");
    const { outcome, reason: why } = await sessionOf(program, await visit(program.port("t")));
    assert.deepEqual([outcome, why], ["no-target", "backend t: no usable target"]);
    ill.status = 200;
    assert.equal(await flipped(program, ill.port, "up"), "2 checks in a row have passed");
    assert.equal((await sessionOf(program, await visit(program.port("t"), { say: "GET /" }))).attempts, 1);
  });

  test(
    "a redis-server that hangs is down until it answers PING again",
    requires("redis-server"),
    async () => {
      await using redis = await startRedis();
      await using program = await startInstance(`
tunnels:
  t:
    frontend: "127.0.0.1:0"
    backend:
      targets: [ ${redis.port} ]
      health: { type: exchange, send: "PING\\r\\n", expect: "/^\\\\+PONG\\r$/m", interval: 20ms, timeout: 500ms, initial: down }`);
      await flipped(program, redis.port, "up");
      process.kill(redis.program.pid, "SIGSTOP");
      try {
        const reason = await flipped(program, redis.port, "down");
        assert.equal(reason, "3 checks in a row have failed: no answer within 500ms");
      } finally {
        process.kill(redis.program.pid, "SIGCONT");
      }
      await flipped(program, redis.port, "up", 2);
    },
  );

  test("a mail server is told by its banner, at the address that is for checks", async () => {
    await using banner = await startNamed("220 mail ESMTP");
    await using mail = await startEcho();
    await using program = await startInstance(`
tunnels:
  t:
    frontend: "127.0.0.1:0"
    backend:
      targets: [ { address: ${mail.port}, checkAddress: ${banner.port} } ]
      health: { type: exchange, expect: /^220 /, ${quick}, initial: down }`);
    await flipped(program, mail.port, "up");
    assert.equal((await visit(program.port("t"))).text, "hello");
    assert.equal(mail.sockets.length, 1);
    await banner.close();
    await flipped(program, mail.port, "down");
  });

  test("a target that wants a PROXY header gets one with every check, but not its check address", async () => {
    const heard: string[] = [];
    const listen = () =>
      startTarget((socket) => {
        socket.once("data", (bytes: Buffer) => {
          heard.push(String(bytes));
          socket.write("PONG");
        });
        socket.on("end", () => socket.end());
      });
    await using own = await listen();
    await using extra = await listen();
    await using program = await startInstance(`
defaults: { health: { type: exchange, send: PING, expect: PONG, ${quick}, initial: down } }
tunnels:
  own: { frontend: "127.0.0.1:0", backend: { targets: [ ${own.port} ], proxyProtocol: v1 } }
  extra:
    frontend: "127.0.0.1:0"
    backend: { targets: [ { address: 9, checkAddress: ${extra.port} } ], proxyProtocol: v1 }`);
    await flipped(program, own.port, "up");
    await flipped(program, 9, "up");
    // the header may come by itself
    assert.deepEqual([...new Set(heard)].toSorted().at(0), "PING");
    assert.ok(heard.some((text) => text.startsWith("PROXY UNKNOWN\r\n")));
  });

  test("a target whose certificate the backend does not trust is down; with the right authority it is up", async () => {
    const authority = testAuthority("Right");
    const { chain, key } = authority.issue();
    await using target = await startEcho({ cert: chain, key });
    await using program = await startInstance(
      `
tunnels:
  right:
    frontend: "127.0.0.1:0"
    backend: { targets: [ ${target.port} ], tls: { ca: right.crt }, health: { type: tls, ${quick}, initial: down } }
  wrong:
    frontend: "127.0.0.1:0"
    backend: { targets: [ ${target.port} ], tls: { ca: wrong.crt }, health: { type: tls, ${quick} } }`,
      { "right.crt": authority.cert, "wrong.crt": testAuthority("Wrong").cert },
    );
    assert.match(await flipped(program, target.port, "down"), /the certificate's/);
    await flipped(program, target.port, "up");
    assert.deepEqual(
      flips(program, target.port)
        .map(({ backend, to }) => `${backend} ${to}`)
        .toSorted(),
      ["right up", "wrong down"],
    );
    assert.equal((await visit(program.port("right"))).text, "hello");
    const refused = await sessionOf(program, await visit(program.port("wrong")));
    assert.equal(refused.outcome, "no-target");
  });

  test("a target that the network swallows delays the checks of no other", async () => {
    await using hole = await startBlackHole();
    await using ill = await startPatient();
    await using program = await startInstance(`
tunnels:
  t:
    frontend: "127.0.0.1:0"
    backend: { targets: [ ${hole.port}, ${ill.port} ], health: { type: http, interval: 20ms, timeout: 1h } }`);
    await ill.answered(10);
    ill.status = 503;
    await flipped(program, ill.port, "down");
    assert.equal(await program.stop(), 0, "a check under way does not keep the program");
    assert.deepEqual(flips(program, hole.port), []);
  });

  test("a target ejected by sessions is back as soon as a check passes", async () => {
    await using target = await startRevivable((socket) => socket.pipe(socket));
    await using program = await startInstance(`
tunnels:
  t:
    frontend: "127.0.0.1:0"
    backend:
      targets: [ ${target.port} ]
      health: { ${quick}, fall: 1000, rise: 1000 }
      passive: { failures: 1, eject: 1h, maxEjected: 100 }`);
    await target.stop();
    await visit(program.port("t"));
    await flipped(program, target.port, "ejected");
    await target.start();
    assert.equal(await flipped(program, target.port, "up"), "a check has passed");
    assert.equal((await visit(program.port("t"))).text, "hello");
  });

  test("without any usable target a client is closed at once, logged as an error and counted", async () => {
    const [one, two] = [await freePort(), await freePort()];
    await using program = await startInstance(`
metrics: { listen: "127.0.0.1:0" }
tunnels:
  t: { frontend: "127.0.0.1:0", backend: { targets: [ ${one}, ${two} ], health: { ${quick} } } }`);
    await flipped(program, one, "down");
    await flipped(program, two, "down");
    const visited = await visit(program.port("t"));
    const session = await sessionOf(program, visited);
    assert.deepEqual(
      [visited.text, session.level, session.outcome, session.attempts],
      ["", "error", "no-target", 0],
    );
    const ended = await samples(program, "equilibria_sessions_total");
    assert.equal(ended['tunnel="t",outcome="no-target"'], 1);
  });
});
