// Clients stay where they are: what moves when a target comes or goes is counted, client by client.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { consistentHash } from "../../../../src/backend/balancers/consistent-hash.ts";
import type { Target } from "../../../../src/core/backend.ts";
import { chiSquared, sessionFrom, targetsOf } from "../../../support/balancing.ts";

const hosts = Array.from({ length: 4000 }, (_, index) => `10.1.${index >> 8}.${index & 255}`);
const byClient = () => consistentHash.create({ key: "client" });

describe("consistent-hash", () => {
  it("sends a client to the same target from every port, from every process, today and tomorrow", () => {
    const targets = targetsOf(1, 1, 1, 1, 1);
    for (const host of hosts.slice(0, 200)) {
      const [first] = mapping(targets, [host]);
      for (const port of [1024, 5555, 65_535])
        assert.equal(byClient().pick(targets, sessionFrom(host, port)), first);
    }
    // written down once: another result means that an update of the program moves every client
    const ports = mapping(targets, ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"]).map(portOf);
    assert.deepEqual(ports, [5, 4, 1, 2]);
  });

  it("does not depend on the order of the targets", () => {
    const targets = targetsOf(3, 1, 2, 1);
    assert.deepEqual(mapping(targets.toReversed(), hosts), mapping(targets, hosts));
  });

  it("spreads clients evenly over equal targets", () => {
    const targets = targetsOf(1, 1, 1, 1, 1);
    const counts = countByTarget(targets, mapping(targets, hosts));
    assert.ok(chiSquared(counts, [1, 1, 1, 1, 1]) < 18.5, `${counts}`);
  });

  it("follows the weights", () => {
    const weights = [1, 2, 5, 12];
    const targets = targetsOf(...weights);
    const counts = countByTarget(targets, mapping(targets, hosts));
    assert.ok(chiSquared(counts, weights) < 16.3, `${counts}`);
  });

  it("moves only the clients of a target that leaves, whatever the targets", () => {
    const weights = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 2, maxLength: 10 });
    fc.assert(
      fc.property(weights, fc.nat(), (list, choice) => {
        const targets = targetsOf(...list);
        const [gone] = targets.slice(choice % targets.length);
        const before = mapping(targets, hosts.slice(0, 300));
        const left = targets.filter((target) => target !== gone);
        const after = mapping(left, hosts.slice(0, 300));
        for (const [index, target] of before.entries())
          if (target !== gone) assert.equal(after[index], target);
      }),
    );
  });

  it("gives a target that comes its share from all the others, and moves nobody else", () => {
    const targets = targetsOf(1, 1, 1, 1, 1);
    const [newcomer] = targets.slice(-1);
    const before = mapping(targets.slice(0, -1), hosts);
    const after = mapping(targets, hosts);
    const moved = hosts.flatMap((_, index) => (after[index] === before[index] ? [] : [index]));
    assert.ok(moved.every((index) => after[index] === newcomer));
    assert.ok(chiSquared([moved.length, hosts.length - moved.length], [1, 4]) < 10.8, `${moved.length}`);
    const givers = countByTarget(
      targets.slice(0, -1),
      moved.map((index) => before[index] as Target),
    );
    assert.ok(chiSquared(givers, [1, 1, 1, 1]) < 16.3, `${givers}`);
  });

  it("moves clients only towards a target whose weight grows", () => {
    const targets = targetsOf(1, 1, 1);
    const before = mapping(targets, hosts);
    for (const target of targets.slice(0, 1)) target.weightOverride = 3;
    for (const [index, target] of mapping(targets, hosts).entries())
      assert.ok(target === before[index] || target === targets[0]);
  });

  it("by server name takes no notice of the client, nor of upper and lower case", () => {
    const targets = targetsOf(1, 1, 1, 1, 1);
    const balancer = consistentHash.create({ key: "server-name" });
    const pick = (host: string, serverName?: string) => {
      const session = sessionFrom(host);
      if (serverName !== undefined) session.serverName = serverName;
      return balancer.pick(targets, session);
    };
    const names = Array.from({ length: 50 }, (_, index) => `host-${index}.example.com`);
    for (const name of names) assert.equal(pick("10.1.0.2", name.toUpperCase()), pick("10.1.0.1", name));
    assert.equal(new Set(names.map((name) => pick("10.1.0.1", name))).size, 5);
    assert.equal(pick("10.1.0.1"), pick("10.1.0.2"));
  });

  it("sends all clients of a unix socket to one target", () => {
    const targets = targetsOf(1, 1, 1);
    const session = sessionFrom();
    session.client = { kind: "unix", path: "" };
    const picked = byClient().pick(targets, session);
    session.client = { kind: "unix", path: "/run/other.sock" };
    assert.equal(byClient().pick(targets, session), picked);
  });
});

function mapping(targets: readonly Target[], clients: readonly string[]): Target[] {
  const balancer = byClient();
  return clients.map((host) => balancer.pick(targets, sessionFrom(host)));
}

function countByTarget(targets: readonly Target[], picked: readonly Target[]): number[] {
  return targets.map((target) => picked.filter((one) => one === target).length);
}

function portOf({ address }: Target): number {
  return address.kind === "tcp" ? address.port : 0;
}
