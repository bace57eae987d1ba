/** config/routes.yaml: four services behind one port, each reached by the client that it is for. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import { startSigned } from "../../support/echo.ts";
import { exampleCertificates, startExample } from "../../support/examples.ts";
import { sessionOf, visit } from "../../support/visit.ts";

suite("config/routes.yaml", () => {
  test("leads to the site, the database, the mail server and SSH", async () => {
    await using stack = new AsyncDisposableStack();
    const certificates = stack.use(exampleCertificates());
    const read = (name: string) => readFileSync(certificates.path(name), "utf8");
    const identity = { cert: read("server.crt"), key: read("server.key") };
    const variables: Record<string, string> = { CERTS: certificates.dir, LISTEN: "127.0.0.1:0" };
    for (const name of ["WEB", "DB", "SSH"])
      variables[name] = `127.0.0.1:${stack.use(await startSigned(name)).port}`;
    variables["MAIL"] = `127.0.0.1:${stack.use(await startSigned("MAIL", identity)).port}`;
    const program = stack.use(await startExample("routes.yaml", variables));
    const client = { cert: read("client.crt"), key: read("client.key") };
    for (const [options, at, route] of [
      [{ tls: { servername: "localhost" } }, "WEB", undefined],
      [{ tls: { servername: "db.localhost", ...client } }, "DB", "db"],
      [{ tls: { servername: "imap.mail.localhost" } }, "MAIL", "mail"],
      [{ say: "SSH-2.0-test\r\n" }, "SSH", "ssh"],
      // without the certificate that the database wants
      [{ tls: { servername: "db.localhost" } }, undefined, "db"],
    ] as const) {
      const seen = await visit(program.port("any"), options);
      assert.equal(seen.text, at === undefined ? "" : `here is ${at}\n`);
      const { outcome, route: taken } = await sessionOf(program, seen);
      assert.deepEqual([taken, outcome], [route, at === undefined ? "handshake-failed" : "completed"]);
    }
  });
});
