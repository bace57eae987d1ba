/** The log on a terminal. What strangers say goes to it, and a terminal obeys control characters. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { prettyLine } from "../../../src/telemetry/pretty.ts";

const time = "2026-01-02T03:04:05.678Z";
const base = {
  level: "info",
  time,
  event: "session",
  id: "1-1",
  tunnel: "web",
  client: "192.0.2.1:5000",
  local: "192.0.2.2:443",
  target: "10.0.0.1:80",
  bytesIn: 1023,
  bytesOut: 1536,
  ms: { total: 12.3 },
  attempts: 1,
  outcome: "completed",
};

/** Without colours and without the clock, which depends on the time zone. */
function line(record: object): string {
  return stripVTControlCharacters(prettyLine(JSON.stringify(record))).replace(/^\d\d:\d\d:\d\d /, "");
}

describe("the pretty log", () => {
  it("shows a session as who, to whom, how it ended and how much", () => {
    assert.equal(
      line(base),
      "info  web 192.0.2.1:5000 → 10.0.0.1:80 completed (1023 B in, 1.5 KiB out, 12.3 ms)\n",
    );
    const refused = {
      ...base,
      level: "warn",
      target: undefined,
      tls: { version: "TLSv1.3", resumed: true },
      outcome: "handshake-failed",
      reason: "client certificate: none was sent",
      bytesIn: 0,
      bytesOut: 3 * 1024 ** 4,
    };
    assert.equal(
      line(refused),
      "warn  web 192.0.2.1:5000 → nowhere TLSv1.3 resumed handshake-failed: client certificate: none was sent (0 B in, 3.0 TiB out, 12.3 ms)\n",
    );
  });

  it("shows where it listens when it is ready", () => {
    const listeners = [
      { tunnel: "a", address: "127.0.0.1:80" },
      { tunnel: "b", address: "unix:/x" },
    ];
    assert.match(
      line({ level: "info", time, event: "ready", pid: 1, listeners, msg: "ready" }),
      /^info {2}ready: a 127\.0\.0\.1:80, b unix:\/x/,
    );
  });

  it("shows any other event with its message and its facts", () => {
    const record = { level: "warn", time, event: "tls-unverified", tunnel: "a", count: 2, msg: "beware" };
    assert.equal(line(record), "warn  beware tunnel=a count=2\n");
    assert.equal(line({ level: "error", time, event: "odd" }), "error odd\n");
  });

  it("passes on what is no record", () => {
    assert.equal(prettyLine("not JSON\n"), "not JSON\n");
  });

  it("lets no control character of a stranger reach the terminal", () => {
    const evil = "\u001b[2J\u001b]0;owned\u0007\r\n\u009b31m\u202e";
    for (const record of [
      { ...base, reason: evil, client: `unix:${evil}` },
      { level: "warn", time, event: "other", msg: evil, tunnel: evil, deep: { value: evil } },
    ]) {
      const written = prettyLine(JSON.stringify(record));
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours that are ours
      const text = written.replace(/\u001b\[\d+m/g, "").replace(/\n$/, "");
      assert.doesNotMatch(text, /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
      assert.match(text, /owned/);
    }
  });
});
