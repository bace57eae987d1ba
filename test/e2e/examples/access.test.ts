/** config/access.yaml: the comments are what a reader types, so what they promise must come. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { suite, test } from "node:test";
import { startNamed } from "../../support/echo.ts";
import { exampleCertificates, startExample } from "../../support/examples.ts";
import { freePort } from "../../support/ports.ts";
import { sessionOf, visit } from "../../support/visit.ts";

suite("config/access.yaml", () => {
  test("lets alice in, shows everybody else another page, and takes the key of the file", async () => {
    using certificates = exampleCertificates();
    writeFileSync(certificates.path("psk.txt"), `alice:${"5a".repeat(32)}\n`, { mode: 0o600 });
    await using service = await startNamed("service");
    await using elsewhere = await startNamed("elsewhere");
    await using program = await startExample("access.yaml", {
      CERTS: certificates.dir,
      LISTEN: "127.0.0.1:0",
      NEAR: "127.0.0.1:0",
      FAR: `127.0.0.1:${await freePort()}`,
      SERVICE: `127.0.0.1:${service.port}`,
      ELSEWHERE: `127.0.0.1:${elsewhere.port}`,
    });
    const come = async (cn?: string) => {
      const { chain, key } = certificates.authority.issue({ cn: cn ?? "nobody" });
      const tls = { ca: certificates.authority.cert, servername: "localhost" };
      const own = cn === undefined ? {} : { cert: chain, key };
      return (await visit(program.port("by-certificate"), { tls: { ...tls, ...own } })).text;
    };
    assert.equal(await come("alice"), "service\nhello");
    assert.equal(await come("mallory"), "elsewhere\nhello");
    assert.equal(await come(), "elsewhere\nhello");
    const near = await visit(program.port("with-key"));
    assert.equal(near.text, "service\nhello");
    assert.equal((await sessionOf(program, near)).outcome, "completed");
  });
});
