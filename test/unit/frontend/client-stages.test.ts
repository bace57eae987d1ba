// Who counts as one client, and who may come at all: decided on addresses that a client partly chooses itself.
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, it } from "node:test";
import { type Address, parseAddress } from "../../../src/core/address.ts";
import { networkList } from "../../../src/core/network.ts";
import { SessionError } from "../../../src/core/outcome.ts";
import { Session } from "../../../src/core/session.ts";
import type { Stage } from "../../../src/core/stage.ts";
import { allowClients } from "../../../src/frontend/allow.ts";
import { clientShares } from "../../../src/frontend/client-shares.ts";

const listening: Address = { kind: "tcp", host: "::", port: 1 };
const tcp = (host: string): Address => ({ kind: "tcp", host, port: 40_000 });
const unix: Address = { kind: "unix", path: "" };

/** What becomes of a client: `in`, or the outcome and label of its refusal. */
async function meet(stage: Stage, client: Address, local = client.kind === "unix" ? unix : listening) {
  const stream = new PassThrough();
  try {
    await stage(new Session({ tunnel: "test", client, local }), stream);
    return { verdict: "in", stream };
  } catch (error) {
    assert.ok(error instanceof SessionError);
    return { verdict: `${error.outcome} ${error.label ?? ""}`.trim(), stream };
  }
}

describe("the share of a client", () => {
  const shares = (perClient: number, prefix = { v4: 32, v6: 64 }) => clientShares({ perClient, prefix });
  const verdicts = async (stage: Stage, clients: readonly Address[]) => {
    const all = await Promise.all(clients.map((client) => meet(stage, client)));
    return all.map(({ verdict }) => verdict);
  };
  const refused = "limited per-client";

  it("is for each IPv4 address, also when a dual-stack socket shows it", async () => {
    const clients = ["10.0.0.1", "10.0.0.2", "10.0.0.1", "::ffff:10.0.0.2"].map(tcp);
    assert.deepEqual(await verdicts(shares(1), clients), ["in", "in", refused, refused]);
  });

  it("is for each /64 of IPv6, which one host may have all to itself", async () => {
    const clients = ["2001:db8::1", "2001:db8::ffff:0:0:1", "2001:db8:0:1::1"].map(tcp);
    assert.deepEqual(await verdicts(shares(1), clients), ["in", refused, "in"]);
  });

  it("is for larger networks where it is told so", async () => {
    const clients = ["10.0.0.1", "10.0.0.254", "10.0.1.1", "2001:db8:0:1::1", "2001:db8:0:2::1"].map(tcp);
    const stage = shares(1, { v4: 24, v6: 48 });
    assert.deepEqual(await verdicts(stage, clients), ["in", refused, "in", "in", refused]);
    assert.deepEqual(await verdicts(shares(1, { v4: 0, v6: 0 }), clients.slice(0, 3)), [
      "in",
      refused,
      refused,
    ]);
  });

  it("is one for all clients of unix sockets", async () => {
    assert.deepEqual(await verdicts(shares(2), [unix, unix, unix]), ["in", "in", refused]);
  });

  it("is there again once a connection is closed", async () => {
    const stage = shares(2);
    const first = await meet(stage, tcp("10.0.0.1"));
    await meet(stage, tcp("10.0.0.1"));
    for (let round = 0; round < 3; round++)
      assert.equal((await meet(stage, tcp("10.0.0.1"))).verdict, refused);
    first.stream.destroy();
    await new Promise(setImmediate);
    assert.deepEqual(await verdicts(stage, [tcp("10.0.0.1"), tcp("10.0.0.1")]), ["in", refused]);
  });
});

describe("allow and deny", () => {
  const list = (...networks: string[]) => networkList(networks);
  const verdict = async (stage: Stage, client: Address, local?: Address) =>
    (await meet(stage, client, local)).verdict;
  const refused = "refused network";

  it("let in who is allowed and nobody else", async () => {
    const stage = allowClients({ allow: list("10.0.0.0/8", "2001:db8::/32") });
    assert.equal(await verdict(stage, tcp("10.1.2.3")), "in");
    assert.equal(await verdict(stage, tcp("2001:db8::1")), "in");
    for (const client of [tcp("11.0.0.1"), tcp("::1"), unix])
      assert.equal(await verdict(stage, client), refused);
  });

  it("look at deny first, also at IPv4 addresses inside of IPv6 ones", async () => {
    const stage = allowClients({ allow: list("0.0.0.0/0", "::/0"), deny: list("10.0.0.0/8") });
    assert.equal(await verdict(stage, tcp("192.0.2.1")), "in");
    for (const host of ["10.0.0.1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1"])
      assert.equal(await verdict(stage, tcp(host)), refused);
  });

  it("let everybody else in where there is only deny", async () => {
    const stage = allowClients({ deny: list("10.0.0.0/8") });
    assert.equal(await verdict(stage, tcp("11.0.0.1")), "in");
    assert.equal(await verdict(stage, unix), "in");
  });

  it("do not take a TCP client that has left for one of a unix socket", async () => {
    const stage = allowClients({ allow: list("unix") });
    assert.equal(await verdict(stage, unix), "in");
    assert.equal(await verdict(stage, unix, parseAddress("10.0.0.1:1", "")), "client-reset");
  });
});
