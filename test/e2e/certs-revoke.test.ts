/** Revoking must be something one can try before one needs it: with the development CA, and with what openssl makes of its list. */
import assert from "node:assert/strict";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { suite, test } from "node:test";
import { Command } from "commander";
import { certsCommand } from "../../src/cli/certs.ts";
import { CliError } from "../../src/cli/cli-error.ts";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { openssl } from "../support/openssl.ts";
import { requires } from "../support/requires.ts";

/** Runs `certs …` in this process and returns what it printed. */
async function certs(...args: readonly string[]): Promise<string> {
  const lines: string[] = [];
  const command = certsCommand((line) => lines.push(line));
  for (const each of [command, ...command.commands])
    each.exitOverride().configureOutput({ writeErr: () => {} });
  const program = new Command().exitOverride().addCommand(command);
  await program.parseAsync(["certs", ...args], { from: "user" });
  return lines.join("\n");
}

async function failure(...args: readonly string[]): Promise<{ code: number; message: string }> {
  const error = await certs(...args).catch((reason: unknown) => reason);
  assert.ok(error instanceof CliError, String(error));
  return { code: error.exitCode, message: error.message };
}

async function setUp() {
  const files = writeFiles({});
  await certs("init", "--dir", files.dir);
  for (const name of ["alice", "bob"])
    await certs("client", `${name}@example.org`, "--dir", files.dir, "--out", name);
  const verify = (name: string) => {
    const list = ["-crl_check", "-CRLfile", files.path("ca.crl")];
    return openssl("verify", "-CAfile", files.path("ca.crt"), ...list, files.path(`${name}.crt`)).text;
  };
  const text = () => openssl("crl", "-noout", "-text", "-in", files.path("ca.crl")).text;
  return { ...files, verify, text, dir: ["--dir", files.dir] };
}

suite("certs revoke and certs crl", requires("openssl"), () => {
  test("what is revoked is revoked for openssl, and stays so", async () => {
    using set = await setUp();
    const output = await certs("revoke", "alice", ...set.dir, "--reason", "keyCompromise");
    assert.match(output, /^wrote \S+ca\.crl {2}list of 1 revoked certificate, valid until 20/);
    assert.match(output, /crl: \S+ca\.crl/);
    assert.match(set.verify("alice"), /certificate revoked/);
    assert.match(set.verify("bob"), /: OK/);
    assert.match(set.text(), /Key Compromise/);
    await certs("revoke", set.path("bob.crt"), ...set.dir);
    for (const name of ["alice", "bob"]) assert.match(set.verify(name), /certificate revoked/);
    assert.match(set.text(), /CRL Number:\s+2\b[\s\S]*Key Compromise/);
    assert.match(await certs("revoke", "bob", ...set.dir), /^bob is revoked already/);
  });

  test("a list can be empty, and is renewed with what it has", async () => {
    using set = await setUp();
    assert.match(await certs("crl", ...set.dir), /list of 0 revoked certificates/);
    assert.match(set.verify("alice"), /: OK/);
    await certs("revoke", "alice", ...set.dir);
    await certs("crl", ...set.dir, "--days", "90");
    assert.match(set.verify("alice"), /certificate revoked/);
    const end = new Date(/Next Update: (.*)/.exec(set.text())?.[1] ?? "");
    assert.equal(Math.round((end.getTime() - Date.now()) / 86_400_000), 90);
  });

  test("what cannot be revoked is said, and the list stays as it was", async () => {
    using set = await setUp();
    await certs("crl", ...set.dir);
    const before = readFileSync(set.path("ca.crl"));
    writeFileSync(set.path("foreign.crt"), testAuthority().issue().cert);
    assert.deepEqual(
      [(await failure("revoke", "carol", ...set.dir)).code, (await failure("revoke", "ca", ...set.dir)).code],
      [66, 64],
    );
    const foreign = await failure("revoke", set.path("foreign.crt"), ...set.dir);
    assert.match(foreign.message, /is no certificate of this CA/);
    await assert.rejects(certs("revoke", "alice", ...set.dir, "--reason", "boredom"));
    assert.deepEqual(readFileSync(set.path("ca.crl")), before);
  });

  test("a list that is not the CA's own is never replaced", async () => {
    using set = await setUp();
    writeFileSync(set.path("ca.crl"), testAuthority().crl([]));
    assert.match(
      (await failure("revoke", "alice", ...set.dir)).message,
      /ca\.crl has a wrong signature; move it away/,
    );
    copyFileSync(set.path("alice.crt"), set.path("ca.crl"));
    assert.match((await failure("crl", ...set.dir)).message, /ca\.crl is no CRL that can be read/);
  });
});
