/** testssl.sh against a frontend as it is without options: a scanner of the trade must find nothing to say. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startOnce } from "../support/echo.ts";
import { startInstance } from "../support/instance.ts";
import { requires, toolPath } from "../support/requires.ts";

const authority = testAuthority();
const { chain, key } = authority.issue({ key: "rsa", days: 200 });

/**
 * What is not the frontend's: trust and what stands in the certificate of a test, and what the scanner cannot find out
 * here. `s_client` with an empty input leaves before a TLS 1.3 ticket arrives, from every server; when testssl.sh then
 * has nothing to resume with, it calls that a problem of connecting (resumption has tests of its own).
 */
const notOurs: readonly { id: string; finding: RegExp }[] = [
  { id: "cert_chain_of_trust", finding: /^failed \(/ },
  { id: "cert_revocation", finding: /^Neither CRL nor OCSP URI provided$/ },
  { id: "DNS_CAArecord", finding: /^--$/ },
  { id: "engine_problem", finding: /^No engine or GOST support/ },
  { id: "sessionresumption_ticket", finding: /^check failed because of connect problem$/ },
];

suite("testssl.sh", requires("testssl", "openssl"), () => {
  test("finds nothing of LOW or worse in a default frontend", async () => {
    await using target = await startOnce();
    using folder = writeFiles({});
    await using program = await startInstance(
      `tunnels: { web: { frontend: { listen: 127.0.0.1:0, tls: { cert: own.crt, key: own.key } }, backend: ${target.port} } }\n`,
      { "own.crt": chain, "own.key": key },
    );
    const report = folder.path("report.json");
    const what = ["-p", "-s", "-f", "-S", "-U", "--severity", "LOW", "--jsonfile", report];
    const how = ["--quiet", "--color", "0", "--warnings", "batch", "--openssl", toolPath("openssl")];
    const address = `127.0.0.1:${program.port("web")}`;
    // its exit code counts findings
    const said = await new Promise<string>((resolve) => {
      const options = { timeout: 240_000, maxBuffer: 16 * 1024 * 1024 };
      execFile(toolPath("testssl"), [...how, ...what, address], options, (_, out, err) => resolve(out + err));
    });
    const findings: readonly { id: string; severity: string; finding: string }[] = JSON.parse(
      readFileSync(report, "utf8"),
    );
    assert.ok(/Testing vulnerabilities/i.test(said), said);
    const bad = findings.filter(
      ({ id, severity, finding }) =>
        !/^(OK|INFO|DEBUG)$/.test(severity) &&
        !notOurs.some((known) => known.id === id && known.finding.test(finding)),
    );
    assert.deepEqual(bad, []);
  });
});
