/**
 * Who comes in. stunnel let clients in three times because "not verified" and "nothing to verify" were mistaken for each other
 * (5.14, 5.57, 5.58), so all three results are tried against all three modes.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Session } from "../../../src/core/session.ts";
import { type Access, admits, judge, type Peer, type Verification } from "../../../src/tls/access.ts";

const session = new Session({
  tunnel: "web",
  client: { kind: "tcp", host: "192.0.2.1", port: 50_000 },
  local: { kind: "unix", path: "/run/x.sock" },
});
const never = new AbortController().signal;
const verifications: readonly Verification[] = [
  { result: "verified" },
  { result: "none" },
  { result: "failed", reason: "the certificate has expired", label: "CERT_HAS_EXPIRED" },
];

function access(verify: Access["verify"], more: Partial<Access> = {}): Access {
  return { role: "client", verify, trusts: "chain", checks: [], ...more };
}

describe("access", () => {
  for (const [verify, labels] of Object.entries({
    none: [undefined, undefined, undefined],
    optional: [undefined, undefined, "CERT_HAS_EXPIRED"],
    required: [undefined, "no-certificate", "CERT_HAS_EXPIRED"],
  }))
    it(`with verify: ${verify} depends on all three results`, () => {
      const verdicts = verifications.map((verification) =>
        judge({ session, verification }, access(verify as Access["verify"])),
      );
      assert.deepEqual(
        verdicts.map((refusal) => refusal?.label),
        labels,
      );
    });

  it("says whose certificate it was and what was wrong", () => {
    const [, none, failed] = verifications.map((verification) =>
      judge({ session, verification }, access("required", { role: "server" })),
    );
    assert.equal(none?.reason, "server certificate: none was sent");
    assert.equal(failed?.reason, "server certificate: the certificate has expired");
  });

  it("asks the checks in order, and no further after a refusal", async () => {
    const asked: string[] = [];
    const check = (name: string, refuses: boolean) => async (peer: Peer) => {
      asked.push(name);
      assert.equal(peer.session, session);
      return refuses ? { reason: `${name} says no`, label: name } : undefined;
    };
    const checks = [check("a", false), check("b", true), check("c", false)];
    const peer: Peer = { session, verification: { result: "verified" } };
    assert.equal((await admits(peer, access("required", { checks }), never))?.label, "b");
    assert.deepEqual(asked, ["a", "b"]);
  });

  it("asks no check about somebody who is refused already", async () => {
    const checks = [() => Promise.reject(new Error("asked"))];
    const refusal = await admits(
      { session, verification: { result: "none" } },
      access("required", { checks }),
      never,
    );
    assert.equal(refusal?.label, "no-certificate");
  });

  it("passes on what a check throws: whoever waits must refuse", async () => {
    const checks = [() => Promise.reject(new Error("no answer"))];
    await assert.rejects(
      admits({ session, verification: { result: "verified" } }, access("required", { checks }), never),
      /no answer/,
    );
  });
});
