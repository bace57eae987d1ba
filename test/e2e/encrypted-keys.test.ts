/**
 * Keys are often encrypted on disk, by tools that write them in different ways, and the passphrase lies in a file that an editor
 * has ended with a newline. What opens elsewhere has to open here; and neither key nor passphrase may show in any output.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startEcho } from "../support/echo.ts";
import { runToEnd, startInstance } from "../support/instance.ts";
import { openssl } from "../support/openssl.ts";
import { requires } from "../support/requires.ts";
import { visit } from "../support/visit.ts";

const passphrase = "correct: horse #1";
const authority = testAuthority();
const ecdsa = authority.issue({ passphrase });
const rsa = authority.issue({ key: "rsa" });

/** The key as older versions of OpenSSL have written it ("DEK-Info"). */
function traditional(key: string): string {
  using files = writeFiles({ key });
  const [from, to] = [files.path("key"), files.path("out")];
  const made = openssl(
    "rsa",
    "-in",
    from,
    "-aes256",
    "-traditional",
    "-passout",
    `pass:${passphrase}`,
    "-out",
    to,
  );
  assert.ok(made.ok, made.text);
  return readFileSync(to, "utf8");
}

const yaml = (target: number) => `
log: { level: trace }
tunnels:
  literal:
    frontend: { listen: "127.0.0.1:0", tls: { cert: ecdsa.crt, key: ecdsa.key, passphrase: "${passphrase}" } }
    backend: ${target}
  file:
    frontend: { listen: "127.0.0.1:0", tls: { cert: ecdsa.crt, key: ecdsa.key, passphrase: { file: pass.txt } } }
    backend: ${target}
  traditional:
    frontend: { listen: "127.0.0.1:0", tls: { cert: rsa.crt, key: rsa.key, passphrase: { file: pass-crlf.txt } } }
    backend: ${target}
`;

const files = () => ({
  "ecdsa.crt": ecdsa.chain,
  "ecdsa.key": ecdsa.key,
  "rsa.crt": rsa.chain,
  "rsa.key": traditional(rsa.key),
  "pass.txt": `${passphrase}\n`,
  "pass-crlf.txt": `${passphrase}\r\n`,
});

/** What must not show: the passphrase, and a line from the middle of each key, encrypted or not. */
function secrets(keys: readonly string[]): readonly string[] {
  return [passphrase, ...keys.map((key) => key.split("\n")[2] ?? "")];
}

suite("encrypted keys", requires("openssl"), () => {
  test("a passphrase given as it is or in a file opens PKCS#8 and older keys, and nothing secret is written", async () => {
    await using target = await startEcho();
    const own = files();
    await using program = await startInstance(yaml(target.port), own);
    for (const tunnel of ["literal", "file", "traditional"]) {
      const { text } = await visit(program.port(tunnel), {
        tls: { ca: authority.cert, servername: "localhost" },
      });
      assert.equal(text, "hello");
    }
    await program.sessions(3);
    assert.equal(await program.stop(), 0);
    const output = JSON.stringify(program.lines) + program.stderr;
    for (const secret of secrets([own["ecdsa.key"], own["rsa.key"], rsa.key]))
      assert.ok(!output.includes(secret));
  });

  test("no complaint about a key or a passphrase shows either of them", async () => {
    const own = {
      ...files(),
      "pass.txt": "Tr0ub4dor&3\n",
      "pass-crlf.txt": `${passphrase}x\r\n`,
      "ecdsa.crt": rsa.chain,
    };
    using folder = writeFiles({ "tunnels.yaml": yaml(443).replace(passphrase, "Tr0ub4dor&3"), ...own });
    for (const command of [["check"], []]) {
      const { exit, stdout, stderr } = await runToEnd([...command, "-c", folder.path("tunnels.yaml")]);
      assert.equal(exit, 78);
      assert.match(stderr, /\n3 errors\n$/);
      for (const secret of [...secrets([own["ecdsa.key"], own["rsa.key"]]), "Tr0ub4dor&3"])
        assert.ok(!(stdout + stderr).includes(secret), stderr);
    }
  });

  test("a passphrase from the environment stays there", async () => {
    using folder = writeFiles({
      ...files(),
      "tunnels.yaml": `tunnels:\n  a:\n    frontend: { listen: 1443, tls: { cert: ecdsa.crt, key: ecdsa.key, passphrase: '\${SECRET}', x: 1 } }\n    backend: 443\n`,
    });
    const { exit, stderr } = await runToEnd(["check", "-c", folder.path("tunnels.yaml")], {
      env: { SECRET: "Tr0ub4dor&3" },
    });
    assert.equal(exit, 78);
    assert.ok(!stderr.includes("Tr0ub4dor&3"), stderr);
  });
});
