// The name in a ClientHello decides whose rules a client meets, so there must be one reading of it: that of whoever ends TLS
// afterwards. Traefik CVE-2026-32305: a hello in several records had no name for the router, and one for the server.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { canonicalServerName, canonicalServerPattern, wildcardOf } from "../../../src/core/server-name.ts";
import { longestClientHello, parseClientHello } from "../../../src/protocol/client-hello.ts";
import {
  helloMessage,
  inRecords,
  messageOf,
  realHello,
  takeApart,
  vector,
  withAlpn,
  withExtension,
  withNames,
} from "../../support/client-hello.ts";
import { mutated } from "../../support/proxy-header.ts";

const real = await realHello({ servername: "Db.Example.com", ALPNProtocols: ["h2", "http/1.1"] });
const short = await realHello({ servername: "b.test", ALPNProtocols: ["x"], maxVersion: "TLSv1.2" });
const read = { serverName: "db.example.com", alpn: ["h2", "http/1.1"] };

function refused(hello: Buffer, reason: RegExp): void {
  const parsed = parseClientHello(hello);
  assert.equal(parsed.kind, "bad", JSON.stringify(parsed));
  if (parsed.kind === "bad") assert.match(parsed.reason, reason);
}

describe("a ClientHello", () => {
  it("of a real client is read", () => {
    assert.deepEqual(parseClientHello(real), { kind: "value", value: read, length: real.length });
    const { head } = takeApart(real);
    const bare = { serverName: undefined, alpn: [] };
    for (const hello of [
      inRecords(helloMessage({ head, extensions: [] })),
      // TLS 1.2 without extensions ends before their length
      inRecords(Buffer.concat([Buffer.from([1]), vector(3, head)])),
    ])
      assert.deepEqual(parseClientHello(hello), { kind: "value", value: bare, length: hello.length });
  });

  it("leaves what follows its records to whoever is next", () => {
    const followed = Buffer.concat([real, Buffer.from("more")]);
    assert.deepEqual(parseClientHello(followed), { kind: "value", value: read, length: real.length });
  });

  it("is the same in records of any size, cut anywhere", () => {
    for (const size of [1, 2, 3, 4, 5, 50, 1000]) {
      const hello = inRecords(messageOf(real), size);
      assert.deepEqual(parseClientHello(hello), { kind: "value", value: read, length: hello.length });
    }
    for (const [hello, value] of [
      [real, read],
      [inRecords(messageOf(short), 1), { serverName: "b.test", alpn: ["x"] }],
      [inRecords(messageOf(short), 50), { serverName: "b.test", alpn: ["x"] }],
    ] as const)
      for (let end = 0; end < hello.length; end++) {
        const parsed = parseClientHello(hello.subarray(0, end));
        assert.equal(parsed.kind, "more");
        // asking for more than there is would wait for ever
        if (parsed.kind === "more") assert.ok(parsed.atLeast > end && parsed.atLeast <= hello.length);
        assert.deepEqual(parseClientHello(hello), { kind: "value", value, length: hello.length });
      }
  });

  it("that comes byte by byte in records of a byte is not read from its start for each", () => {
    const hello = inRecords(messageOf(withExtension(real, 21, Buffer.alloc(8000))), 1);
    let readings = 0;
    for (let wanted = 1; wanted <= hello.length; readings++) {
      const parsed = parseClientHello(hello.subarray(0, wanted));
      if (parsed.kind !== "more") {
        assert.equal(parsed.kind, "value");
        break;
      }
      wanted = parsed.atLeast;
    }
    assert.ok(readings < 100, `${readings} readings`);
  });

  it("is bounded", () => {
    refused(Buffer.from("160301000401010000", "hex"), /longer than 65536/);
    const endless = inRecords(Buffer.concat([Buffer.from([1, 0, 0xff, 0xf0]), Buffer.alloc(65_000)]), 1);
    refused(endless, /longer than 65536/);
    const parsed = parseClientHello(Buffer.from("16030100040100f000", "hex"));
    assert.ok(parsed.kind === "more" && parsed.atLeast <= longestClientHello);
  });

  it("is refused at the first byte that cannot begin one", () => {
    for (const other of [
      "G",
      "\x15",
      "\x16\x02",
      "\x80\x2e\x01",
      "\x16\x03\x01\x00\x00",
      "\x16\x03\x01\x40\x01",
    ])
      refused(Buffer.from(other, "latin1"), /handshake|version|length/);
    refused(Buffer.from("160301000102", "hex"), /no ClientHello/);
    assert.equal(parseClientHello(Buffer.alloc(0)).kind, "more");
  });

  it("with an alert or another record between its records is refused", () => {
    const [first, second] = [
      inRecords(messageOf(real).subarray(0, 50)),
      inRecords(messageOf(real).subarray(50)),
    ];
    refused(Buffer.concat([first, Buffer.from("15030100020100", "hex"), second]), /not a TLS handshake/);
  });

  it("with something behind it in its record is refused", () => {
    refused(inRecords(Buffer.concat([messageOf(real), Buffer.from([1])])), /follows/);
  });

  it("with a name that is none is refused, and never one without a name", () => {
    for (const name of [
      "",
      ".",
      "strict.test..",
      ".strict.test",
      "strict..test",
      "strict.test\0",
      "strict.test\0.weak.test",
      "strict.test\n",
      "strict test",
      "*.test",
      "-a.test",
      "strict.test/",
      "sträct.test",
      // toLowerCase makes a k of it
      "\u212a.test",
      "192.0.2.1",
      "192.0.2.1.",
      "2001:db8::1",
      "[2001:db8::1]",
      `${"a".repeat(64)}.test`,
      "a.".repeat(128),
      "x".repeat(256),
    ])
      refused(withNames(real, [name]), /no host name/);
    refused(withNames(real, [Buffer.from([0xff, 0xfe])]), /no host name/);
    refused(withNames(real, ["strict.test", "weak.test"]), /more than one/);
    refused(withNames(real, ["strict.test", "strict.test"]), /more than one/);
  });

  it("with lengths that do not fit is refused", () => {
    for (const body of ["", "0000", "0003000000", "0004000001", "000400000061ff", "000401000161"])
      refused(withExtension(real, 0, Buffer.from(body, "hex")), /./);
    for (const body of ["", "0000", "000100", "000302", "0003026832ff", "000402683200"])
      refused(withExtension(real, 16, Buffer.from(body, "hex")), /./);
    const { head, extensions } = takeApart(real);
    const name = extensions.find(([type]) => type === 0);
    assert.ok(name);
    refused(inRecords(helloMessage({ head, extensions: [...extensions, name] })), /twice/);
  });

  it("keeps the order of application protocols, whatever their bytes", () => {
    const parsed = parseClientHello(withAlpn(real, ["b", "a", Buffer.from([0, 0xff])]));
    assert.ok(parsed.kind === "value");
    assert.deepEqual(parsed.value.alpn, ["b", "a", "\0\xff"]);
  });

  it("however damaged, is answered at once, never throws, and is the same in any records", () => {
    let slowest = 0;
    const seen = { more: 0, value: 0, bad: 0 };
    const valid = fc.constantFrom(
      real,
      short,
      short,
      inRecords(messageOf(short), 40),
      withNames(short, ["a.b.c"]),
      withAlpn(short, ["h2", "acme-tls/1"]),
    );
    fc.assert(
      fc.property(mutated(mutated(valid)), fc.integer({ min: 1, max: 300 }), (bytes, size) => {
        const before = process.threadCpuUsage();
        const result = parseClientHello(bytes);
        const { user, system } = process.threadCpuUsage(before);
        slowest = Math.max(slowest, user + system);
        seen[result.kind]++;
        if (result.kind === "more") assert.ok(result.atLeast > bytes.length);
        if (result.kind !== "value") return;
        assert.ok(result.length <= bytes.length);
        const { serverName } = result.value;
        assert.ok(serverName === undefined || canonicalServerName(serverName) === serverName);
        if (bytes.readUInt16BE(3) + 5 !== result.length) return;
        const again = parseClientHello(inRecords(bytes.subarray(5, result.length), size));
        assert.deepEqual(again.kind === "value" && again.value, result.value);
      }),
      { numRuns: 20_000, seed: 20_000 },
    );
    assert.ok(slowest < 50_000, `${slowest} microseconds of CPU`);
    for (const [kind, count] of Object.entries(seen)) assert.ok(count > 1000, `${kind}: ${count}`);
  });
});

describe("a server name", () => {
  it("has one form", () => {
    for (const name of ["db.example.com", "DB.Example.COM", "db.example.com."])
      assert.equal(canonicalServerName(name), "db.example.com");
    assert.equal(canonicalServerName("my_service"), "my_service");
    assert.equal(canonicalServerName("xn--bcher-kva.example"), "xn--bcher-kva.example");
  });

  it("fits a wildcard for exactly one label", () => {
    assert.equal(canonicalServerPattern("*.Example.com."), "*.example.com");
    assert.equal(wildcardOf("db.example.com"), "*.example.com");
    assert.equal(wildcardOf("localhost"), undefined);
    for (const none of ["*", "*.", "*.*.com", "a.*.com", "*a.com", "**.com", "*.10.0.0.1"])
      assert.equal(canonicalServerPattern(none), undefined);
  });
});
