// What strangers say before TLS is read by these parsers: whatever it is, they answer, at once, and the same however it was cut.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Parsed } from "../../../../src/core/parsed.ts";
import { parseHttpHead } from "../../../../src/protocol/http-head.ts";
import {
  isStartTls,
  ldapAnswer,
  parseLdapMessage,
  startTlsRequest,
  startTlsResult,
} from "../../../../src/protocol/ldap-message.ts";
import {
  parseSocks4Request,
  parseSocks5Reply,
  parseSocks5Request,
  parseSocksMethods,
  socks5Connect,
  socksReply,
} from "../../../../src/protocol/socks.ts";

const rounds = 20_000;
/** Milliseconds; a parser takes microseconds, the rest is for a machine that does other things too. */
const patience = 500;

interface Case {
  readonly parse: (bytes: Buffer) => Parsed<unknown>;
  readonly valid: readonly Buffer[];
}

const latin = (text: string) => Buffer.from(text, "latin1");
const cases: Readonly<Record<string, Case>> = {
  "HTTP head": {
    parse: parseHttpHead,
    valid: [
      latin("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\nX: 1\r\n\r\n"),
      latin("HTTP/1.0 200 OK\n\n"),
    ],
  },
  "SOCKS methods": { parse: parseSocksMethods, valid: [Buffer.from([5, 2, 0, 2])] },
  "SOCKS 5 request": {
    parse: parseSocks5Request,
    valid: [
      socks5Connect("a.test", 443),
      Buffer.from([5, 1, 0, 1, 10, 0, 0, 1, 0, 80]),
      Buffer.from([5, 1, 0, 4, ...new Array(15).fill(0), 1, 0, 80]),
    ],
  },
  "SOCKS 4 request": {
    parse: parseSocks4Request,
    valid: [
      latin("\x04\x01\x00\x50\x0a\x00\x00\x01me\0"),
      latin("\x04\x01\x00\x50\x00\x00\x00\x01me\0a.test\0"),
    ],
  },
  "SOCKS 5 reply": { parse: parseSocks5Reply, valid: [socksReply(5), socksReply(5, "denied")] },
  "LDAP message": {
    parse: parseLdapMessage,
    valid: [
      startTlsRequest(1),
      ldapAnswer({ id: 700_000, operation: 0x77 }, { code: 0, text: "ok" }) ?? latin(""),
    ],
  },
};

describe("what is said before TLS", () => {
  for (const [name, { parse, valid }] of Object.entries(cases)) {
    it(`${name}: is read the same however it is cut`, () => {
      for (const whole of valid) {
        const result = parse(whole);
        assert.ok(result.kind === "value");
        assert.equal(result.length, whole.length);
        const longer = parse(Buffer.concat([whole, latin("more")]));
        assert.ok(longer.kind === "value");
        assert.equal(longer.length, whole.length);
        for (let end = 0; end < whole.length; end++) {
          const begun = parse(whole.subarray(0, end));
          assert.ok(begun.kind === "more", `${end}: ${JSON.stringify(begun)}`);
          assert.ok(begun.atLeast > end && begun.atLeast <= whole.length);
        }
      }
    });

    it(`${name}: ${rounds} damaged ones throw nothing and take no time`, () => {
      const random = generator(20_261_127);
      for (let round = 0; round < rounds; round++) {
        const bytes = damage(valid[round % valid.length] ?? latin(""), random);
        const started = performance.now();
        const parsed = parse(bytes);
        assert.ok(performance.now() - started < patience);
        if (parsed.kind === "more") assert.ok(parsed.atLeast > bytes.length);
        if (parsed.kind === "value") assert.ok(parsed.length > 0 && parsed.length <= bytes.length);
      }
    });
  }

  it("StartTLS of LDAP is told from other requests", () => {
    const parsed = parseLdapMessage(startTlsRequest(7));
    assert.ok(parsed.kind === "value");
    assert.equal(parsed.value.id, 7);
    assert.ok(isStartTls(parsed.value));
    const bind = parseLdapMessage(Buffer.from("300c020101600702010304008000", "hex"));
    assert.ok(bind.kind === "value" && !isStartTls(bind.value));
    const answer = parseLdapMessage(ldapAnswer(parsed.value, { code: 52, text: "no" }) ?? latin(""));
    assert.ok(answer.kind === "value");
    assert.equal(startTlsResult(answer.value), 52);
  });

  it("a SOCKS request names its host and port", () => {
    const parsed = parseSocks5Request(socks5Connect("a.test", 443));
    assert.ok(parsed.kind === "value");
    assert.deepEqual(parsed.value, { version: 5, command: "connect", host: "a.test", port: 443 });
    const named = parseSocks4Request(latin("\x04\x01\x01\xbb\x00\x00\x00\x01\0a.test\0"));
    assert.ok(named.kind === "value");
    assert.deepEqual(named.value, { version: 4, command: "connect", host: "a.test", port: 443 });
  });
});

/** Mulberry32. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function damage(bytes: Buffer, random: (below: number) => number): Buffer {
  const copy = Buffer.from(bytes);
  for (let hits = 1 + random(3); hits > 0; hits--) copy[random(copy.length)] = random(256);
  switch (random(4)) {
    case 0:
      return copy.subarray(0, random(copy.length + 1));
    case 1:
      return Buffer.concat([copy.subarray(0, random(copy.length)), copy]);
    case 2:
      return Buffer.concat([copy, Buffer.alloc(random(2000), random(256))]);
    default:
      return copy;
  }
}
