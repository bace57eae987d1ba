/**
 * Whoever is let in is let in by a name. OpenSSL's and Node's texts of a certificate join the names, and a name that contains the
 * separator has passed for two (CVE-2021-44532); a NUL has hidden the end of one. So the bytes are read, and only them.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { DerError } from "../../../../src/core/der.ts";
import { readNames } from "../../../../src/protocol/x509/names.ts";
import { testAuthority } from "../../../support/certificates.ts";

const authority = testAuthority();

function issue(request: Parameters<typeof authority.issue>[0]): Buffer {
  return authority.issue(request).certificate.raw;
}

/** Puts other bytes in the place of a text of the same length: our own issuer makes no such names. */
function patched(der: Buffer, text: string, replacement: string | Buffer): Buffer {
  const bytes = Buffer.from(replacement as string, "latin1");
  assert.equal(bytes.length, text.length);
  const copy = Buffer.from(der);
  for (let at = copy.indexOf(text, "latin1"); at >= 0; at = copy.indexOf(text, at, "latin1"))
    bytes.copy(copy, at);
  return copy;
}

suite("names of a certificate", () => {
  test("each kind apart", () => {
    const sans = ["a.example.com", "*.b.test", "192.0.2.7", "2001:db8::7", "spiffe://x/web", "a@example.com"];
    assert.deepEqual(readNames(issue({ cn: "Alice Smith", ou: "Engineering", o: "Example", sans })), {
      commonNames: ["Alice Smith"],
      organizationalUnits: ["Engineering"],
      dns: ["a.example.com", "*.b.test"],
      ips: ["192.0.2.7", "2001:db8::7"],
      uris: ["spiffe://x/web"],
      emails: ["a@example.com"],
    });
  });

  test("none where there are none", () => {
    const names = readNames(issue({ cn: "only", sans: [] }));
    assert.deepEqual([names.commonNames, names.dns, names.uris], [["only"], [], []]);
  });

  test("UTF-8 stays what it is", () => {
    assert.deepEqual(readNames(issue({ cn: "Jürgen Ångström", sans: [] })).commonNames, ["Jürgen Ångström"]);
  });

  test("a name that looks like two is one", () => {
    const uri = "http://a.example/xxxxxxxxxxx";
    const injected = 'http://a.example/", DNS:good';
    const names = readNames(patched(issue({ cn: "x", sans: [uri] }), uri, injected));
    assert.deepEqual([names.uris, names.dns], [[injected], []]);
    const subject = readNames(patched(issue({ cn: "evilxxOU=admin", sans: [] }), "evilxx", "evil, "));
    assert.deepEqual([subject.commonNames, subject.organizationalUnits], [["evil, OU=admin"], []]);
  });

  test("a name with a NUL is none, in the subject and beside it", () => {
    const dns = issue({ cn: "x", sans: ["good.example.xevil.test"] });
    assert.throws(() => readNames(patched(dns, "good.example.x", "good.example.\0")), DerError);
    const cn = issue({ cn: "good.example x", sans: [] });
    assert.throws(() => readNames(patched(cn, "good.example ", "good.example\0")), /NUL/);
  });

  test("characters that are not of the name's type", () => {
    const dns = issue({ cn: "x", sans: ["good.example"] });
    assert.throws(() => readNames(patched(dns, "good.example", "g\xf6od.example")), /beyond ASCII/);
    const utf8 = issue({ cn: "Jürgen", sans: [] });
    assert.throws(() => readNames(patched(utf8, "\xc3\xbc", "\xc3\xc3")), /encoding/);
  });

  test("any single changed byte is read or refused, and nothing else happens", () => {
    const der = issue({ cn: "Alice", ou: "E", sans: ["a.example.com", "192.0.2.7", "spiffe://x/web"] });
    for (let at = 0; at < der.length; at++)
      for (const bit of [0x01, 0x80]) {
        const copy = Buffer.from(der);
        copy.writeUInt8(copy.readUInt8(at) ^ bit, at);
        try {
          readNames(copy);
        } catch (error) {
          assert.ok(error instanceof DerError, `byte ${at}: ${error}`);
        }
      }
  });

  test("20,000 damaged certificates are read or refused, each at once", () => {
    const der = issue({
      cn: "Alice",
      o: "O",
      ou: "E",
      sans: ["a.example.com", "192.0.2.7", "spiffe://x/web", "a@b.c"],
    });
    // a generator of our own, so that every run is the same
    let state = 1;
    const random = (below: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    let slowest = 0;
    for (let count = 0; count < 20_000; count++) {
      const copy = Buffer.from(der.subarray(0, random(10) === 0 ? random(der.length) : der.length));
      for (let changes = 1 + random(4); changes > 0 && copy.length > 0; changes--)
        copy.writeUInt8(random(256), random(copy.length));
      const started = performance.now();
      try {
        readNames(copy);
      } catch (error) {
        if (!(error instanceof DerError)) throw error;
      }
      slowest = Math.max(slowest, performance.now() - started);
    }
    assert.ok(slowest < 500, `${slowest} ms`);
  });
});
