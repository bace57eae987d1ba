/**
 * Targets found by DNS, from a real name server: they follow the zone, and stay when the name server dies, because a name
 * server's death must not become everybody's.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TLSSocket } from "node:tls";
import { testAuthority } from "../support/certificates.ts";
import { startDnsmasq } from "../support/dnsmasq.ts";
import { startEcho, startNamed } from "../support/echo.ts";
import { flipped, flips, samples } from "../support/health.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { requires } from "../support/requires.ts";
import { sessionOf, visit } from "../support/visit.ts";

const dnsmasq = requires("dnsmasq");
/** The name server's records have a TTL of 0: the floor decides. */
const quick = "interval: 50ms";

/** Waits for a record, the `count`th of its kind. */
async function told(program: Instance, event: string, count = 1) {
  const all = () => program.lines.filter((line) => line.event === event);
  await program.line(() => all().length >= count, `${event} ${count}`);
  return all()[count - 1];
}

test(
  "targets follow the addresses of a name; when the name server dies the last ones stay",
  dnsmasq,
  async () => {
    await using one = await startNamed("one");
    await using dns = await startDnsmasq(["host-record=db.test,127.0.0.1"]);
    await using program = await startInstance(`
metrics: { listen: "127.0.0.1:0" }
tunnels:
  t:
    frontend: "127.0.0.1:0"
    backend:
      discover: { dns: { name: db.test, port: ${one.port}, server: "${dns.address}", ${quick} } }
      connect: { timeout: 20s, deadline: 20s }`);
    // found before the program said that it is ready
    assert.equal((await visit(program.port("t"))).text, "one\nhello");
    await dns.change(["host-record=db.test,127.0.0.1", "host-record=db.test,127.0.0.2"]);
    const added = await told(program, "backend-changed", 2);
    assert.deepEqual([added?.["added"], added?.["removed"]], [[`127.0.0.2:${one.port}`], []]);
    await dns.change(["host-record=db.test,127.0.0.2"]);
    const removed = await told(program, "backend-changed", 3);
    assert.deepEqual([removed?.["added"], removed?.["removed"]], [[], [`127.0.0.1:${one.port}`]]);
    await dns.change(["host-record=db.test,127.0.0.1"]);
    await told(program, "backend-changed", 4);

    const failures = program.lines.filter(({ event }) => event === "provider-failed").length;
    await dns.stop();
    const failed = await told(program, "provider-failed", failures + 1);
    assert.match(String(failed?.["reason"]), /^db\.test: no name server (can be reached|answers)/);
    assert.equal((await visit(program.port("t"))).text, "one\nhello");
    const label = `tunnel="t",target="127.0.0.1:${one.port}"`;
    assert.deepEqual(await samples(program, "equilibria_target_up"), { [label]: 1 });

    await dns.change(["host-record=db.test,127.0.0.3"]);
    await told(program, "backend-changed", 5);
    assert.deepEqual(await samples(program, "equilibria_target_up"), {
      [`tunnel="t",target="127.0.0.3:${one.port}"`]: 1,
    });
    // however often it was asked meanwhile
    const all = program.lines.filter(({ event }) => event === "provider-failed");
    assert.equal(all.length, failures + 1);
  },
);

test("SRV records bring ports, tiers and weights", dnsmasq, async () => {
  await using first = await startNamed("first");
  await using second = await startNamed("second");
  await using spare = await startNamed("spare");
  const srv = (port: number, rest: string) => `srv-host=_db._tcp.test,localhost.test,${port},${rest}`;
  await using dns = await startDnsmasq([
    "host-record=localhost.test,127.0.0.1",
    srv(first.port, "10,2"),
    srv(second.port, "10,0"),
    srv(spare.port, "20,5"),
  ]);
  await using program = await startInstance(`
metrics: { listen: "127.0.0.1:0" }
tunnels:
  t:
    frontend: "127.0.0.1:0"
    backend:
      discover: { dns: { name: _db._tcp.test, type: srv, server: "${dns.address}", ${quick} } }
      health: { interval: 20ms, timeout: 10s }
      passive: { failures: 0 }`);
  const label = (port: number) => `tunnel="t",target="127.0.0.1:${port}"`;
  assert.deepEqual(await samples(program, "equilibria_target_weight"), {
    [label(first.port)]: 2,
    [label(second.port)]: 1,
    [label(spare.port)]: 5,
  });
  const served = async () => (await visit(program.port("t"))).text.split("\n")[0] ?? "";
  const names = [await served(), await served(), await served()];
  assert.deepEqual(names.toSorted(), ["first", "first", "second"]);
  await first.close();
  await second.close();
  for (const { port } of [first, second]) await flipped(program, port, "down");
  assert.equal(await served(), "spare");
  assert.deepEqual(flips(program, spare.port), []);
});

test(
  "a target's certificate is held against the name it was found by, not its address",
  dnsmasq,
  async () => {
    const authority = testAuthority();
    const { chain, key } = authority.issue({ cn: "db.test", sans: ["db.test"] });
    const asked: unknown[] = [];
    await using target = await startEcho({ cert: chain, key });
    target.server.on("secureConnection", (socket: TLSSocket) => asked.push(socket.servername));
    await using dns = await startDnsmasq([
      "host-record=db.test,127.0.0.1",
      "host-record=other.test,127.0.0.1",
      `srv-host=_db._tcp.test,db.test,${target.port}`,
    ]);
    const at = (name: string) => `{ name: ${name}, port: ${target.port}, server: "${dns.address}" }`;
    await using program = await startInstance(
      `
tunnels:
  right: { frontend: "127.0.0.1:0", backend: { discover: { dns: ${at("db.test")} }, tls: { ca: ca.crt } } }
  wrong: { frontend: "127.0.0.1:0", backend: { discover: { dns: ${at("other.test")} }, tls: { ca: ca.crt } } }
  told:
    frontend: "127.0.0.1:0"
    backend: { discover: { dns: ${at("other.test")} }, tls: { ca: ca.crt, serverName: db.test } }
  service:
    frontend: "127.0.0.1:0"
    backend:
      discover: { dns: { name: _db._tcp.test, type: srv, server: "${dns.address}" } }
      tls: { ca: ca.crt }`,
      { "ca.crt": authority.cert },
    );
    for (const tunnel of ["right", "told", "service"])
      assert.equal((await visit(program.port(tunnel))).text, "hello", tunnel);
    const { outcome, reason } = await sessionOf(program, await visit(program.port("wrong")));
    assert.deepEqual([outcome, String(reason).includes("another name")], ["connect-failed", true]);
    assert.deepEqual(
      asked.filter((name) => name === "db.test"),
      ["db.test", "db.test", "db.test"],
    );
  },
);

test(
  "the program starts without its name server, on targets that are named, and finds the others later",
  dnsmasq,
  async () => {
    await using fixed = await startNamed("fixed");
    await using found = await startNamed("found");
    await using dns = await startDnsmasq([]);
    await dns.stop();
    await using program = await startInstance(`
tunnels:
  t:
    frontend: "127.0.0.1:0"
    backend:
      targets: [ ${fixed.port} ]
      discover: { dns: { name: db.test, type: a, port: ${found.port}, server: "${dns.address}", ${quick} } }`);
    assert.equal((await visit(program.port("t"))).text, "fixed\nhello");
    await dns.change(["host-record=db.test,127.0.0.1"]);
    await told(program, "provider-recovered");
    await told(program, "backend-changed");
    const names = [await visit(program.port("t")), await visit(program.port("t"))].map(({ text }) => text);
    assert.deepEqual(names.toSorted(), ["fixed\nhello", "found\nhello"]);
    assert.equal(await program.stop(), 0);
    assert.deepEqual(
      program.lines.map(({ event }) => event).filter((event) => event?.startsWith("provider")),
      ["provider-failed", "provider-recovered"],
    );
  },
);
