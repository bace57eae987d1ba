/**
 * `certs` is the first thing a new user types: it has to work without reading, never lose a key that is in use, and say on failure
 * what to do next. The exit codes are part of the contract.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { suite, test } from "node:test";
import { createSecureContext } from "node:tls";
import { Command } from "commander";
import { certsCommand } from "../../src/cli/certs.ts";
import { CliError } from "../../src/cli/cli-error.ts";
import { createAuthority } from "../../src/pki/dev-ca.ts";
import { authorityFiles, writeCertificateFiles } from "../../src/pki/store.ts";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { openssl } from "../support/openssl.ts";

/** Runs `certs …` in this process and returns what it printed. */
async function certs(...args: readonly string[]): Promise<string> {
  const lines: string[] = [];
  const command = certsCommand((line) => lines.push(line));
  for (const each of [command, ...command.commands])
    each.exitOverride().configureOutput({ writeErr: () => {} });
  await new Command()
    .exitOverride()
    .addCommand(command)
    .parseAsync(["certs", ...args], { from: "user" });
  return lines.join("\n");
}

async function failure(...args: readonly string[]): Promise<{ code: number; message: string }> {
  const error = await certs(...args).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof CliError, String(error));
  return { code: error.exitCode, message: error.message };
}

suite("certs", () => {
  test("init, server and client make a set that openssl verifies", async () => {
    using files = writeFiles({});
    const dir = files.path("certs");
    await certs("init", "--dir", dir);
    await certs("server", "--dir", dir);
    await certs("client", "spiffe://example.org/web", "--dir", dir, "--key", "rsa");
    const verify = (purpose: string, name: string) =>
      openssl("verify", "-x509_strict", "-purpose", purpose, "-CAfile", `${dir}/ca.crt`, `${dir}/${name}`);
    assert.ok(verify("sslserver", "localhost.crt").ok);
    assert.ok(verify("sslclient", "spiffe-example.org-web.crt").ok);
    assert.ok(!verify("sslserver", "spiffe-example.org-web.crt").ok);
    const { text } = openssl("x509", "-noout", "-text", "-in", `${dir}/localhost.crt`);
    assert.match(text, /DNS:localhost, IP Address:127\.0\.0\.1, IP Address:0:0:0:0:0:0:0:1/);
    for (const name of readdirSync(dir))
      assert.equal(statSync(`${dir}/${name}`).mode & 0o077, name.endsWith(".key") ? 0 : 0o044, name);
  });

  test("each line says what was written and what to put in the configuration", async () => {
    using files = writeFiles({});
    await certs("init", "--dir", files.dir);
    const output = await certs("server", "db.example.com", "--usage", "both", "--dir", files.dir);
    const path = (name: string) => files.path(name);
    const identity = `cert: ${path("db.example.com.crt")}, key: ${path("db.example.com.key")}`;
    const lines = output.split("\n");
    assert.match(
      lines[0] ?? "",
      /^wrote .*db\.example\.com\.crt {2}server and client certificate, valid until 20/,
    );
    assert.match(lines[1] ?? "", /^wrote .*db\.example\.com\.key {2}private key$/);
    assert.equal(lines[2], `use   frontend: { tls: { ${identity} } }`);
    assert.equal(lines[3], `use   backend: { tls: { ca: ${path("ca.crt")}, ${identity} } }`);
  });

  test("a passphrase file encrypts the key and the PKCS#12 file", async () => {
    using files = writeFiles({ passphrase: "correct horse\n" });
    await certs("init", "--dir", files.dir, "--key", "rsa-3072");
    const protection = ["--pkcs12", "--passphrase-file", files.path("passphrase")];
    await certs("client", "alice@example.org", "--out", "alice", "--dir", files.dir, ...protection);
    const passphrase = "correct horse";
    const pfx = readFileSync(files.path("alice.p12"));
    const pem = { cert: readFileSync(files.path("alice.crt")), key: readFileSync(files.path("alice.key")) };
    assert.ok(createSecureContext({ pfx, passphrase }));
    assert.ok(createSecureContext({ ...pem, passphrase }));
    assert.throws(() => createSecureContext({ ...pem, passphrase: "wrong" }));
    assert.equal(statSync(files.path("alice.p12")).mode & 0o777, 0o600);
  });

  test("nothing is overwritten without --force", async () => {
    using files = writeFiles({});
    await certs("init", "--dir", files.dir);
    await certs("server", "web", "--dir", files.dir);
    const before = readFileSync(files.path("web.key"), "utf8");
    const again = await failure("server", "web", "--dir", files.dir);
    assert.equal(again.code, 73);
    assert.equal(again.message, `${files.path("web.crt")} exists already, replace it with --force`);
    const init = await failure("init", "--dir", files.dir);
    assert.equal(init.code, 73);
    assert.match(
      init.message,
      /ca\.crt exists already, replace it with --force; all certificates of the old CA/,
    );
    assert.equal(readFileSync(files.path("web.key"), "utf8"), before);
    await certs("server", "web", "--dir", files.dir, "--force");
    assert.notEqual(readFileSync(files.path("web.key"), "utf8"), before);
  });

  test("without a CA it says how to make one", async () => {
    using files = writeFiles({});
    const { code, message } = await failure("server", "--dir", files.dir);
    assert.equal(code, 66);
    assert.match(message, /^no CA in .*ca\.crt\), create it with: equilibria-tunnel certs init --dir /);
  });

  test("a CA that has ended issues nothing more", async () => {
    using files = writeFiles({});
    const past = { notBefore: new Date("2020-01-01"), notAfter: new Date("2021-01-01") };
    await writeCertificateFiles(files.dir, authorityFiles(createAuthority(past)), { force: false });
    const { code, message } = await failure("server", "--dir", files.dir);
    assert.equal(code, 1);
    assert.match(message, /ended on 2021-01-01, make a new one with: .* --force$/);
  });

  test("names and options that make no sense are usage errors", async () => {
    using files = writeFiles({ empty: "\n", two: "one\ntwo\n" });
    await certs("init", "--dir", files.dir);
    const refused = async (...args: readonly string[]) => {
      const { code, message } = await failure("server", "--dir", files.dir, ...args);
      assert.equal(code, 64, message);
      return message;
    };
    assert.match(await refused("not a name"), /"not a name" is not a host name/);
    assert.match(await refused("web", "--out", "../web"), /cannot name the files/);
    assert.match(await refused("CA"), /names the files of the CA/);
    assert.match(await refused("web", "--pkcs12"), /--pkcs12 needs --passphrase-file/);
    assert.match(await refused("web", "--passphrase-file", files.path("empty")), /one line/);
    assert.match(await refused("web", "--passphrase-file", files.path("two")), /one line/);
    await assert.rejects(certs("server", "--days", "0"), { code: "commander.invalidArgument" });
    await assert.rejects(certs("server", "--key", "dsa"), { code: "commander.invalidArgument" });
    await assert.rejects(certs("client"), { code: "commander.missingArgument" });
    assert.deepEqual(readdirSync(files.dir).sort(), ["ca.crt", "ca.key", "empty", "two"]);
  });

  test("a host name that is too long for the subject is certified all the same", async () => {
    using files = writeFiles({});
    const name = `${"a".repeat(60)}.example.com`;
    await certs("init", "--dir", files.dir);
    await certs("server", name, "--dir", files.dir, "--out", "long");
    const [shown] = JSON.parse(await certs("show", "--json", files.path("long.crt")));
    assert.equal(shown.subject, "");
    assert.deepEqual(shown.names, [{ type: "dns", value: name }]);
  });

  test("show gives fingerprint and pin as openssl computes them", async () => {
    const ca = testAuthority("Root, Inc.");
    const leaf = ca.issue({ cn: "web", sans: ["web", "::1", "spiffe://x/a,b"], usage: "server" });
    using files = writeFiles({ "chain.pem": leaf.cert + ca.cert, "leaf.der": leaf.certificate.raw });
    const shown = JSON.parse(await certs("show", "--json", files.path("chain.pem"), files.path("leaf.der")));
    assert.equal(shown.length, 3);
    const [first, second, third] = shown;
    const plain = (text: string) => text.replaceAll(":", "").toLowerCase();
    const digest = openssl("x509", "-noout", "-fingerprint", "-sha256", "-in", files.path("chain.pem")).text;
    assert.equal(first.fingerprint, `sha256:${plain(digest.split("=")[1]?.trim() ?? "")}`);
    const publicKey = openssl("x509", "-noout", "-pubkey", "-in", files.path("chain.pem")).text;
    using keys = writeFiles({ "key.pem": publicKey });
    openssl("pkey", "-pubin", "-in", keys.path("key.pem"), "-outform", "DER", "-out", keys.path("key.der"));
    const pin = openssl("dgst", "-sha256", "-r", keys.path("key.der")).text.split(" ")[0];
    assert.equal(first.spki, `sha256:${pin}`);
    assert.equal(first.issuer, "CN=Root\\, Inc.");
    assert.deepEqual(first.names, [
      { type: "dns", value: "web" },
      { type: "ip", value: "::1" },
      { type: "uri", value: "spiffe://x/a,b" },
    ]);
    assert.deepEqual([first.usage, first.key, first.daysLeft], [["server"], "ECDSA P-256", 29]);
    assert.deepEqual(second.usage, ["authority"]);
    assert.equal(third.fingerprint, first.fingerprint);
  });

  test("show tells people what has ended and never lets a name steer the terminal", async () => {
    const past = { notBefore: new Date("2020-01-01"), notAfter: new Date("2021-01-01") };
    const leaf = testAuthority().issue({ cn: "\u001b[31mred\u202e", sans: [], ...past });
    using files = writeFiles({ "old.crt": leaf.cert });
    const output = await certs("show", files.path("old.crt"));
    assert.match(output, /valid +2020-01-01T00:00:00\.000Z to 2021-01-01T00:00:00\.000Z \(ENDED\)/);
    assert.doesNotMatch(output.replaceAll("\n", ""), /[\p{Cc}\p{Cf}]/u);
  });

  test("ticket-key makes a secret for its owner only, and replaces none unasked", async () => {
    using files = writeFiles({});
    const file = files.path("tickets.key");
    assert.match(await certs("ticket-key", file), /session: \{ keys: .*tickets\.key \}/);
    const secret = readFileSync(file);
    assert.deepEqual([secret.length, statSync(file).mode & 0o777], [48, 0o600]);
    const { code, message } = await failure("ticket-key", file);
    assert.deepEqual([code, readFileSync(file)], [73, secret]);
    assert.match(message, /exists already, replace it with --force/);
    await certs("ticket-key", file, "--force");
    assert.notDeepEqual(readFileSync(file), secret);
  });

  test("show of what is no certificate, or is not there, fails by name", async () => {
    using files = writeFiles({ key: testAuthority().key });
    assert.deepEqual(await failure("show", files.path("key")), {
      code: 1,
      message: `${files.path("key")} holds no certificate in PEM or DER`,
    });
    assert.equal((await failure("show", files.path("missing"))).code, 66);
  });
});
