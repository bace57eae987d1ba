/** The one line that a session leaves: dashboards and scripts read it by its keys, and strangers write into some of its values. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SessionError } from "../../../src/core/outcome.ts";
import { Session } from "../../../src/core/session.ts";
import { sessionRecord } from "../../../src/telemetry/session-record.ts";

function newSession(): Session {
  return new Session({
    tunnel: "web",
    client: { kind: "tcp", host: "2001:db8::1", port: 50_000 },
    local: { kind: "unix", path: "/run/x.sock" },
  });
}

describe("a session's record", () => {
  it("has every fact that is known", () => {
    const session = newSession();
    session.serverName = "db.example.com";
    session.alpn = "h2";
    session.tls = { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256", resumed: false };
    session.peer = { subject: "CN=client", fingerprint: "sha256:00", verified: true };
    session.ms.tls = 1.26;
    session.ms.connect = 0.04;
    session.bytesIn = 1;
    session.bytesOut = 2 ** 40;
    session.attempts = 2;
    session.relay = "fast";
    session.end("target-reset", new SessionError("target-reset", "target: gone"));
    const { ms, id, ...record } = sessionRecord(session);
    assert.equal(id, session.id);
    assert.partialDeepStrictEqual(record, {
      event: "session",
      tunnel: "web",
      client: "[2001:db8::1]:50000",
      local: "unix:/run/x.sock",
      serverName: "db.example.com",
      alpn: "h2",
      tls: {
        version: "TLSv1.3",
        cipher: "TLS_AES_128_GCM_SHA256",
        resumed: false,
        client: { subject: "CN=client", fingerprint: "sha256:00", verified: true },
      },
      bytesIn: 1,
      bytesOut: 2 ** 40,
      relay: "fast",
      attempts: 2,
      outcome: "target-reset",
      reason: "target: gone",
    });
    assert.deepEqual([ms.tls, ms.connect], [1.3, 0]);
    assert.ok(ms.total !== undefined && ms.total >= 0);
  });

  it("leaves out what is not known", () => {
    const session = newSession();
    session.end("completed");
    const keys = Object.keys(JSON.parse(JSON.stringify(sessionRecord(session))));
    assert.deepEqual(keys, [
      "event",
      "id",
      "tunnel",
      "client",
      "local",
      "bytesIn",
      "bytesOut",
      "ms",
      "attempts",
      "outcome",
    ]);
  });

  it("calls a session without an outcome an internal error", () => {
    assert.equal(sessionRecord(newSession()).outcome, "internal-error");
  });

  it("cuts what a stranger makes long, and stays one line", () => {
    const session = newSession();
    session.serverName = `a\n${"a".repeat(5000)}`;
    session.alpn = "b".repeat(5000);
    session.end("internal-error", new Error("c\r\n".repeat(5000)));
    const record = sessionRecord(session);
    assert.deepEqual(
      [record.serverName?.length, record.alpn?.length, record.reason?.length],
      [512, 512, 512],
    );
    assert.doesNotMatch(JSON.stringify(record), /[\r\n]/);
  });
});
