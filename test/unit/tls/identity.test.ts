/** Reading a certificate with its key: the order in files, the clock, and everything that people put into PEM files. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { loadAuthorities, loadIdentity, MaterialError } from "../../../src/tls/identity.ts";
import { testAuthority, writeFiles } from "../../support/certificates.ts";

const day = 86_400_000;
const root = testAuthority("Root");
const middle = root.intermediate("Middle");
const server = middle.issue({ days: 10 });

const load = async (files: Readonly<Record<string, string | Buffer>>, now?: Date) => {
  using folder = writeFiles(files);
  return await loadIdentity({ cert: folder.path("cert"), key: folder.path("key") }, now ? { now } : {});
};

const isFault = (option: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof MaterialError, String(error));
  assert.equal(error.option, option);
  assert.match(error.message, message);
  return true;
};

suite("an identity", () => {
  test("is the certificate that fits the key first, then its chain, in whatever order the file has them", async () => {
    const expected = server.cert + middle.cert + root.cert;
    for (const cert of [
      expected,
      middle.cert + root.cert + server.cert,
      root.cert + server.cert + middle.cert,
    ]) {
      const identity = await load({ cert, key: server.key });
      assert.equal(identity?.cert.startsWith(server.cert), true);
      assert.equal(identity?.leaf.fingerprint256, server.certificate.fingerprint256);
      assert.deepEqual(new Set(blocks(identity?.cert ?? "")), new Set(blocks(expected)));
    }
  });

  test("is read past comments, text dumps and foreign line ends", async () => {
    const noise = `Bag Attributes\n    friendlyName: ключ\nsubject=CN = x\n${server.cert}\n# comment\n${server.key}`;
    for (const text of [noise, noise.replaceAll("\n", "\r\n"), `\ufeff${noise}`])
      assert.ok(await load({ cert: text, key: text }));
  });

  test("is refused outside of its time, and good at both ends of it", async () => {
    const { validFromDate, validToDate } = server.certificate;
    const at = (date: Date, shift = 0) =>
      load({ cert: server.chain, key: server.key }, new Date(date.getTime() + shift));
    assert.ok(await at(validFromDate));
    assert.ok(await at(validToDate));
    await assert.rejects(at(validFromDate, -1000), isFault("cert", /is not valid before .* GMT$/));
    await assert.rejects(at(validToDate, 1000), isFault("cert", /has expired on .* GMT$/));
    await assert.rejects(at(validToDate, 30 * day), isFault("cert", /has expired/));
  });

  test("that nobody names is none", async () => {
    assert.equal(await loadIdentity({}), undefined);
  });

  test("whose file is not there is told with the option that names it", async () => {
    await assert.rejects(
      load({ key: server.key }),
      isFault("cert", /^cannot read .*cert: no such file \(ENOENT\)$/),
    );
    await assert.rejects(
      load({ cert: server.cert }),
      isFault("key", /^cannot read .*key: no such file \(ENOENT\)$/),
    );
    const missing = "/nowhere/pass.txt";
    using folder = writeFiles({ cert: server.cert, key: server.key });
    const named = { cert: folder.path("cert"), key: folder.path("key"), passphrase: { file: missing } };
    await assert.rejects(loadIdentity(named), isFault("passphrase", /^cannot read \/nowhere\/pass\.txt: /));
  });

  test("with a passphrase that the key does not need is read", async () => {
    using folder = writeFiles({ cert: server.cert, key: server.key });
    assert.ok(
      await loadIdentity({ cert: folder.path("cert"), key: folder.path("key"), passphrase: "unneeded" }),
    );
  });
});

suite("authorities", () => {
  test("are all certificates of the file", async () => {
    using folder = writeFiles({ ca: `text\n${root.cert}\n${middle.cert}` });
    assert.equal((await loadAuthorities(folder.path("ca"), { option: "ca" })).length, 2);
  });

  test("that are none are told with the option that names them", async () => {
    using folder = writeFiles({ ca: "", key: root.key });
    const reasons = {
      ca: /holds no PEM certificate: it is empty$/,
      key: /holds no PEM certificate: it holds a private key$/,
    };
    for (const option of ["ca", "client.ca"] as const)
      for (const file of ["ca", "key"] as const)
        await assert.rejects(loadAuthorities(folder.path(file), { option }), isFault(option, reasons[file]));
  });
});

function blocks(pem: string): readonly string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}
