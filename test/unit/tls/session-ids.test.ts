/** What clients can make us keep must have bounds, and an end. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { loadServerTls } from "../../../src/tls/contexts.ts";
import { serverTlsOptions } from "../../../src/tls/options.ts";
import { SessionIds } from "../../../src/tls/session-ids.ts";
import { testAuthority, writeFiles } from "../../support/certificates.ts";

/** The beginning of an SSL_SESSION in DER, as OpenSSL writes it. */
function session(version: number, size = 100): Buffer {
  const fields = Buffer.from([0x02, 0x01, 0x01, 0x02, 0x02, 0x03, version, 0x04, 0x82, 0, 0]);
  fields.writeUInt16BE(size, 9);
  const contents = Buffer.concat([fields, Buffer.alloc(size)]);
  const head = Buffer.from([0x30, 0x82, 0, 0]);
  head.writeUInt16BE(contents.length, 2);
  return Buffer.concat([head, contents]);
}

const id = (number: number) => Buffer.alloc(32, number);
const tls12 = 0x03;

suite("sessions by id", () => {
  test("are found until their time is over", () => {
    const ids = new SessionIds({ entries: 10, lifetime: 1000 });
    ids.set(id(1), session(tls12, 300), 5000);
    assert.deepEqual(ids.get(id(1), 5999), session(tls12, 300));
    assert.equal(ids.get(id(2), 5999), undefined);
    assert.equal(ids.get(id(1), 6000), undefined);
    assert.equal(ids.size, 0);
  });

  test("are as many as was said; the oldest goes first", () => {
    const ids = new SessionIds({ entries: 2, lifetime: 1000 });
    for (const number of [1, 2, 3]) ids.set(id(number), session(tls12, 300));
    assert.deepEqual(
      [1, 2, 3].map((number) => ids.get(id(number)) !== undefined),
      [false, true, true],
    );
  });

  test("are not kept when they are of TLS 1.3, very large, or no sessions", () => {
    const ids = new SessionIds({ entries: 10, lifetime: 1000 });
    ids.set(id(1), session(0x04, 300));
    ids.set(id(2), session(tls12, 20_000));
    ids.set(id(3), Buffer.from("rubbish"));
    assert.equal(ids.size, 0);
  });

  test("are not asked for where TLS 1.2 is not spoken", async () => {
    const { chain, key } = testAuthority().issue();
    using files = writeFiles({ "a.crt": chain, "a.key": key });
    const entries = async (minVersion: "TLSv1.2" | "TLSv1.3") => {
      const options = { cert: "a.crt", key: "a.key", minVersion };
      const parsed = serverTlsOptions({ resolvePath: files.path }).parse(options);
      return (await loadServerTls(parsed, "web")).sessionIds.entries;
    };
    assert.ok((await entries("TLSv1.2")) > 0);
    assert.equal(await entries("TLSv1.3"), 0);
  });
});
