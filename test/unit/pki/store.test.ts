/** Private keys on disk: who can read them, what happens to those that are there already, and what a failure leaves behind. */
import assert from "node:assert/strict";
import { chmodSync, readdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { suite, test } from "node:test";
import { createAuthority, issueCertificate } from "../../../src/pki/dev-ca.ts";
import {
  authorityFiles,
  certificateFiles,
  readAuthority,
  writeCertificateFiles,
} from "../../../src/pki/store.ts";
import { writeFiles } from "../../support/certificates.ts";

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

suite("the certificate directory", () => {
  test("an authority is read back and can issue", async () => {
    using files = writeFiles({});
    const authority = createAuthority();
    await writeCertificateFiles(files.dir, authorityFiles(authority), { force: false });
    const read = await readAuthority(files.dir);
    const { certificate } = issueCertificate(read, { subject: { commonName: "x" } });
    assert.ok(certificate.verify(authority.certificate.publicKey));
  });

  test("it is made for its owner only, and so are the keys", async () => {
    using files = writeFiles({});
    const dir = files.path("a/b");
    const paths = await writeCertificateFiles(dir, authorityFiles(createAuthority()), { force: false });
    assert.deepEqual(paths, [`${dir}/ca.crt`, `${dir}/ca.key`]);
    assert.deepEqual([dir, ...paths].map(modeOf), ["700", "644", "600"]);
  });

  test("replacing a key that everybody could read makes it private", async () => {
    using files = writeFiles({ "ca.key": "old" });
    chmodSync(files.path("ca.key"), 0o666);
    await writeCertificateFiles(files.dir, authorityFiles(createAuthority()), { force: true });
    assert.equal(modeOf(files.path("ca.key")), "600");
    assert.match(readFileSync(files.path("ca.key"), "utf8"), /^-----BEGIN PRIVATE KEY-----/);
  });

  test("when one file exists already nothing is written and nothing is left", async () => {
    using files = writeFiles({ "ca.key": "precious" });
    await assert.rejects(
      writeCertificateFiles(files.dir, authorityFiles(createAuthority()), { force: false }),
      { code: "EEXIST", path: files.path("ca.key") },
    );
    assert.deepEqual(readdirSync(files.dir), ["ca.key"]);
    assert.equal(readFileSync(files.path("ca.key"), "utf8"), "precious");
  });

  test("a symbolic link is replaced, never written through", async () => {
    using files = writeFiles({ elsewhere: "untouched" });
    symlinkSync(files.path("elsewhere"), files.path("ca.key"));
    const write = (force: boolean) =>
      writeCertificateFiles(files.dir, authorityFiles(createAuthority()), { force });
    await assert.rejects(write(false), { code: "EEXIST" });
    await write(true);
    assert.equal(readFileSync(files.path("elsewhere"), "utf8"), "untouched");
  });

  test("a directory that cannot be made leaves the system's error", async () => {
    using files = writeFiles({ file: "" });
    const written = writeCertificateFiles(files.path("file/certs"), [], { force: false });
    await assert.rejects(written, { code: "ENOTDIR" });
  });

  test("what is no authority is refused by name", async () => {
    const authority = createAuthority();
    const leaf = issueCertificate(authority, { subject: { commonName: "x" } });
    using files = writeFiles({});
    await assert.rejects(readAuthority(files.dir), { code: "ENOENT" });
    await writeCertificateFiles(files.dir, certificateFiles("ca", leaf), { force: false });
    await assert.rejects(readAuthority(files.dir), /ca\.crt is not the certificate of an authority/);
    const mixed = { certificate: authority.certificate, key: leaf.key };
    await writeCertificateFiles(files.dir, authorityFiles(mixed), { force: true });
    await assert.rejects(readAuthority(files.dir), /ca\.key is not the key of .*ca\.crt/);
    await writeCertificateFiles(files.dir, certificateFiles("ca", authority, "secret"), { force: true });
    await assert.rejects(readAuthority(files.dir), /ca\.key cannot be read as unencrypted PEM/);
  });
});
