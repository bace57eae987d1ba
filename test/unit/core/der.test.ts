/**
 * Certificates, CRLs and OCSP answers come from strangers. Two readings of the same bytes are how a name or a serial number is
 * smuggled past a check, so there must be one form only, and everything else must be refused without harm.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import {
  DerError,
  DerReader,
  derBoolean,
  derChildren,
  derInteger,
  derNamedBits,
  derOctetBits,
  derOid,
  derSmallInteger,
  derTags,
  readDer,
} from "../../../src/core/der.ts";
import { derTime } from "../../../src/core/der-time.ts";

const bytes = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");
const element = (hex: string) => readDer(bytes(hex));
const time = (tag: number, text: string) =>
  derTime({ ...readDer(Buffer.from([4, 0])), tag, contents: Buffer.from(text, "latin1") }).toISOString();

suite("DER", () => {
  test("elements are read in order, and their parts are slices", () => {
    const reader = new DerReader(bytes("30 06 02 01 05 04 01 ff 05 00"));
    const inner = reader.enter(derTags.sequence);
    assert.equal(inner.optional(derTags.boolean), undefined);
    assert.equal(derSmallInteger(inner.next(derTags.integer)), 5);
    assert.deepEqual(inner.next().whole, bytes("04 01 ff"));
    inner.end();
    assert.throws(() => reader.end(), DerError);
    reader.next(derTags.null);
    reader.end();
  });

  test("long lengths", () => {
    const long = Buffer.concat([bytes("04 82 0100"), Buffer.alloc(256, 7)]);
    assert.equal(readDer(long).contents.length, 256);
    assert.equal(derChildren({ contents: Buffer.concat([long, long]) }).length, 2);
  });

  const refused: Readonly<Record<string, string>> = {
    "nothing at all": "",
    "a tag without a length": "30",
    "a length that is too long": "04 05 00",
    "an indefinite length": "30 80 00 00",
    "a long length for a short one": "04 81 01 00",
    "a length with a leading zero": `04 82 0080 ${"00".repeat(128)}`,
    "a length of five octets": "04 85 0000000001 00",
    "a length that is cut": "04 82 01",
    "a tag of several octets": "1f 81 01 00",
    "something behind the element": "05 00 00",
  };
  for (const [what, hex] of Object.entries(refused))
    test(`${what} is refused`, () => assert.throws(() => element(hex), DerError));

  test("another tag than the one that should be there is refused", () => {
    assert.throws(() => readDer(bytes("05 00"), derTags.sequence), /has tag 0x05 where 0x30 should be/);
  });

  test("identifiers", () => {
    assert.equal(derOid(element("06 03 551d14")), "2.5.29.20");
    assert.equal(derOid(element("06 09 2a864886f70d01010b")), "1.2.840.113549.1.1.11");
    assert.equal(derOid(element("06 03 883703")), "2.999.3");
    assert.equal(derOid(element("06 01 27")), "0.39");
    for (const bad of ["06 00", "06 02 2a80", "06 03 2a8001", `06 41 ${"01".repeat(65)}`])
      assert.throws(() => derOid(element(bad)), DerError);
  });

  test("integers have one form", () => {
    assert.deepEqual(derInteger(element("02 02 0080")), bytes("0080"));
    assert.deepEqual(derInteger(element("02 01 80")), bytes("80"));
    for (const bad of ["02 00", "02 02 007f", "02 02 ff80"])
      assert.throws(() => derInteger(element(bad)), DerError);
    assert.equal(derSmallInteger(element("02 04 7fffffff")), 2 ** 31 - 1);
    for (const bad of ["02 01 ff", "02 05 0080000000"])
      assert.throws(() => derSmallInteger(element(bad)), DerError);
  });

  test("booleans and bits have one form", () => {
    assert.deepEqual([derBoolean(element("01 01 ff")), derBoolean(element("01 01 00"))], [true, false]);
    for (const bad of ["01 00", "01 01 01", "01 02 ffff"])
      assert.throws(() => derBoolean(element(bad)), DerError);
    assert.deepEqual(derOctetBits(element("03 03 00abcd")), bytes("abcd"));
    for (const bad of ["03 00", "03 02 0180"]) assert.throws(() => derOctetBits(element(bad)), DerError);
    const named = derNamedBits(element("03 02 0106"));
    assert.deepEqual([0, 5, 6, 7, 99].map(named), [false, true, true, false, false]);
    for (const bad of ["03 00", "03 02 0800", "03 01 01", "03 02 0107"])
      assert.throws(() => derNamedBits(element(bad)), DerError);
  });

  test("times", () => {
    assert.equal(time(derTags.utcTime, "491231235959Z"), "2049-12-31T23:59:59.000Z");
    assert.equal(time(derTags.utcTime, "500101000000Z"), "1950-01-01T00:00:00.000Z");
    assert.equal(time(derTags.generalizedTime, "20520229000000Z"), "2052-02-29T00:00:00.000Z");
    for (const bad of [
      "4912312359Z",
      "491231235959+0100",
      "490231000000Z",
      "491331000000Z",
      "49123123595Z\0",
    ])
      assert.throws(() => time(derTags.utcTime, bad), DerError);
    for (const bad of ["20520229000000.5Z", "20510229000000Z", "20520229000000", "491231235959Z"])
      assert.throws(() => time(derTags.generalizedTime, bad), DerError);
    assert.throws(() => time(derTags.octetString, "491231235959Z"), DerError);
  });
});
