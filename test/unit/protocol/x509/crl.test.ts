/**
 * A list that is misread lets a stolen key in, and so does one that is about less than it seems: a delta, one for some reasons
 * only, one of several authorities. What we read is compared with what openssl reads, and everything unusual is refused.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  type Der,
  integer,
  namedBits,
  nothing,
  sequence,
  tagged,
  taggedBytes,
} from "../../../../src/pki/der.ts";
import { type Crl, CrlError, parseCrl } from "../../../../src/protocol/x509/crl.ts";
import { nameText } from "../../../../src/protocol/x509/name.ts";
import { testAuthority, writeFiles } from "../../../support/certificates.ts";
import { entry, extension, type OddCrl, oddCrl } from "../../../support/odd-crl.ts";
import { openssl } from "../../../support/openssl.ts";
import { requires } from "../../../support/requires.ts";

const authority = testAuthority("Lists, Inc.");
const read = (pem: string): Crl => parseCrl(Buffer.from(pem.replaceAll(/-----[^-]+-----/g, ""), "base64"));
const serialOf = (hex: string) => Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex");
const idp = "2.5.29.28";

suite("CRLs", () => {
  test("a list says who has made it, of when it is and whom it lists", () => {
    const [good, bad, worse] = [authority.issue(), authority.issue(), authority.issue()];
    const thisUpdate = new Date("2026-02-03T04:05:06Z");
    const nextUpdate = new Date("2051-02-03T04:05:06Z");
    const listed = [bad, { ...worse, reason: "keyCompromise" as const }];
    const crl = read(authority.crl(listed, { thisUpdate, nextUpdate, number: 258 }));
    assert.equal(nameText(crl.issuer), "CN=Lists, Inc.");
    assert.deepEqual(
      [crl.thisUpdate, crl.nextUpdate, crl.number, crl.size],
      [thisUpdate, nextUpdate, "0102", 2],
    );
    assert.equal(crl.revocation(serialOf(good.certificate.serialNumber)), undefined);
    assert.equal(crl.revocation(serialOf(bad.certificate.serialNumber))?.reason, undefined);
    assert.equal(crl.revocation(serialOf(worse.certificate.serialNumber))?.reason, "keyCompromise");
    assert.deepEqual(crl.scope, {});
  });

  test("an empty list lists nobody", () => {
    assert.equal(read(authority.crl([])).size, 0);
  });

  test("openssl's lists are read too, with what it says of them", requires("openssl"), () => {
    const leaf = authority.issue();
    using files = writeFiles({
      "ca.crt": authority.cert,
      "ca.key": authority.key,
      "leaf.crt": leaf.cert,
      "index.txt": "",
      crlnumber: "1234",
      "ca.cnf":
        "[ca]\ndefault_ca=d\n[d]\ndatabase=$ENV::DIR/index.txt\ncrlnumber=$ENV::DIR/crlnumber\ndefault_md=sha384\ndefault_crl_days=3\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n",
    });
    process.env["DIR"] = files.dir;
    const ca = [
      "ca",
      "-config",
      files.path("ca.cnf"),
      "-cert",
      files.path("ca.crt"),
      "-keyfile",
      files.path("ca.key"),
    ];
    const revoke = openssl(...ca, "-revoke", files.path("leaf.crt"), "-crl_reason", "superseded");
    assert.ok(revoke.ok, revoke.text);
    const made = openssl(...ca, "-gencrl", "-out", files.path("crl.pem"));
    assert.ok(made.ok, made.text);
    const crl = read(openssl("crl", "-in", files.path("crl.pem")).text);
    assert.equal(crl.revocation(serialOf(leaf.certificate.serialNumber))?.reason, "superseded");
    assert.equal(crl.number, "1234");
    assert.equal(crl.nextUpdate.getTime() - crl.thisUpdate.getTime(), 3 * 86_400_000);
  });

  test("a list of version 1 is read", () => {
    const crl = parseCrl(oddCrl(authority, { version: 0, entries: [entry("05")] }));
    assert.ok(crl.revocation(serialOf("05")));
  });

  test("a serial number that only begins like a listed one is not listed", () => {
    const crl = parseCrl(oddCrl(authority, { entries: [entry("0500"), entry("7f")] }));
    assert.deepEqual(
      ["05", "0500", "7f", "00"].map((serial) => crl.revocation(serialOf(serial)) !== undefined),
      [false, true, true, false],
    );
  });

  test("a list may say that it is about users, or about some distribution points", () => {
    const scope = (...parts: readonly Der[]) =>
      parseCrl(oddCrl(authority, { extensions: [extension(idp, sequence(...parts), { critical: true })] }))
        .scope;
    assert.deepEqual(scope(taggedBytes(1, Buffer.from([0xff]))), { only: "users" });
    assert.deepEqual(scope(taggedBytes(2, Buffer.from([0xff]))), { only: "authorities" });
    const name = taggedBytes(6, Buffer.from("http://crl/1"));
    assert.deepEqual(scope(tagged(0, tagged(0, name))), {
      points: [Buffer.concat([Buffer.from([0x86, 12]), Buffer.from("http://crl/1")])],
    });
  });

  const critical = { critical: true };
  const refused: Readonly<Record<string, OddCrl & { readonly says: RegExp }>> = {
    "a delta": { extensions: [extension("2.5.29.27", integer(1), critical)], says: /is a delta CRL/ },
    "one with an unknown critical extension": {
      extensions: [extension("1.2.3.4", nothing(), critical)],
      says: /critical extension 1\.2\.3\.4/,
    },
    "one with an extension twice": {
      extensions: [extension("2.5.29.20", integer(1)), extension("2.5.29.20", integer(2))],
      says: /stands there twice/,
    },
    "an indirect one": {
      extensions: [extension(idp, sequence(taggedBytes(4, Buffer.from([0xff]))), critical)],
      says: /indirect/,
    },
    "one with an entry of another authority": {
      entries: [entry("05", extension("2.5.29.29", sequence(), critical))],
      says: /indirect/,
    },
    "one with an entry that has an unknown critical extension": {
      entries: [entry("04"), entry("05", extension("1.2.3.4", nothing(), critical))],
      says: /entry with the critical extension 1\.2\.3\.4/,
    },
    "one for some reasons only": {
      extensions: [extension(idp, sequence(taggedBytes(3, Buffer.from([1, 2]))), critical)],
      says: /some reasons/,
    },
    "one for attribute certificates": {
      extensions: [extension(idp, sequence(taggedBytes(5, Buffer.from([0xff]))), critical)],
      says: /attribute certificates/,
    },
    "one for users only and authorities only": {
      extensions: [
        extension(
          idp,
          sequence(taggedBytes(1, Buffer.from([0xff])), taggedBytes(2, Buffer.from([0xff]))),
          critical,
        ),
      ],
      says: /users only and for authorities only/,
    },
    "one without an end": { nextUpdate: null, says: /nextUpdate/ },
    "one of a version to come": { version: 2, says: /version that is not known/ },
    "one of version 1 with extensions": {
      version: 0,
      extensions: [extension("2.5.29.20", integer(1))],
      says: /version 1, but has extensions/,
    },
    "one whose bits are no bits": {
      extensions: [extension(idp, sequence(namedBits([1])), critical)],
      says: /no CRL that can be read/,
    },
  };
  for (const [what, { says, ...odd }] of Object.entries(refused))
    test(`${what} is refused`, () => {
      assert.throws(
        () => parseCrl(oddCrl(authority, odd)),
        (error) => error instanceof CrlError && says.test(error.message),
      );
    });

  test("what is not signed must not say how it is signed", () => {
    const der = oddCrl(authority);
    // the outer algorithm is the last one: ecdsa-with-SHA256 becomes ecdsa-with-SHA384
    const at = der.lastIndexOf(Buffer.from("2a8648ce3d040302", "hex"));
    der.writeUInt8(0x03, at + 7);
    assert.throws(() => parseCrl(der), /two different signature algorithms/);
  });
});
