/**
 * `doctor` is asked when nothing works, or before the first start on a machine: each finding has to be true of the machine,
 * and each that is not ok has to say what to do.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync } from "node:fs";
import { createServer } from "node:net";
import { suite, test } from "node:test";
import type { Finding } from "../../src/cli/doctor/finding.ts";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { runToEnd } from "../support/instance.ts";
import { freePort } from "../support/ports.ts";

interface Examined {
  readonly exit: number | NodeJS.Signals;
  readonly stderr: string;
  /** Those of an area whose text fits. */
  found(area: Finding["area"], text: RegExp): readonly Finding[];
}

async function examine(yaml: string, files: Readonly<Record<string, string>> = {}): Promise<Examined> {
  using folder = writeFiles({ "tunnels.yaml": yaml, ...files });
  if ("open.key" in files) chmodSync(folder.path("open.key"), 0o644);
  const { exit, stdout, stderr } = await runToEnd(["doctor", "--json", "-c", folder.path("tunnels.yaml")]);
  const all = (exit === 0 || exit === 1 ? JSON.parse(stdout) : []) as readonly Finding[];
  for (const { verdict, text, remedy } of all)
    assert.equal(remedy === undefined, verdict === "ok", `${verdict} ${text}: ${remedy}`);
  return {
    exit,
    stderr,
    found: (area, text) => all.filter((finding) => finding.area === area && text.test(finding.text)),
  };
}

const verdicts = (found: readonly Finding[]) => found.map(({ verdict }) => verdict);

suite("doctor", () => {
  test("finds a machine fit for a configuration, and says what it has looked at", async () => {
    const authority = testAuthority();
    const { chain, key } = authority.issue({ days: 365 });
    const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const free = await freePort();
    const tls = "tls: { cert: a.crt, key: a.key }";
    const { exit, found, stderr } = await examine(
      `tunnels: { web: { frontend: { listen: "127.0.0.1:${free}", ${tls} }, backend: "localhost:${port}" } }\n`,
      { "a.crt": chain, "a.key": key },
    );
    server.close();
    assert.equal(exit, 0, stderr);
    assert.deepEqual(verdicts(found("ports", new RegExp(`web: 127.0.0.1:${free} can be`))), ["ok"]);
    assert.deepEqual(verdicts(found("names", /localhost is .*(127\.0\.0\.1|::1)/)), ["ok"]);
    assert.deepEqual(verdicts(found("targets", new RegExp(`localhost:${port} accepts`))), ["ok"]);
    assert.deepEqual(verdicts(found("certificates", /a\.crt is valid for 36[45] days/)), ["ok"]);
    assert.equal(found("clock", /it is 20/).length, 1);
    assert.equal(found("limits", /file descriptors/).length, 1);
  });

  test("says what keeps a configuration from working, each with a remedy", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port: taken } = holder.address() as { port: number };
    const dead = await freePort();
    const { exit, found, stderr } = await examine(
      [
        "tunnels:",
        `  a: { frontend: "127.0.0.1:${taken}", backend: "no-such-host.invalid:80" }`,
        `  b: { frontend: "203.0.113.1:${dead}", backend: "127.0.0.1:${dead}" }`,
        '  c: { frontend: "unix:nowhere/x.sock", backend: 127.0.0.1:1 }',
      ].join("\n"),
    );
    holder.close();
    assert.equal(exit, 1);
    assert.match(stderr, /\d+ checks: 4 failed/);
    assert.match(found("ports", new RegExp(`a: 127.0.0.1:${taken} cannot`))[0]?.remedy ?? "", /ss -ltnp/);
    assert.match(found("ports", /b: 203\.0\.113\.1:\d+ cannot/)[0]?.remedy ?? "", /ip address/);
    assert.match(found("ports", /c: unix:.* cannot be made/)[0]?.remedy ?? "", /make .*nowhere/);
    assert.deepEqual(verdicts(found("names", /no-such-host\.invalid cannot be resolved/)), ["fail"]);
    assert.deepEqual(verdicts(found("targets", new RegExp(`127.0.0.1:${dead} does not accept`))), ["warn"]);
  });

  test("warns of certificates that end soon, and of keys that others can read", async () => {
    const authority = testAuthority();
    const { chain, key } = authority.issue({ days: 365, notBefore: new Date(Date.now() - 345 * 86_400_000) });
    const port = await freePort();
    const { exit, found, stderr } = await examine(
      `tunnels: { web: { frontend: { listen: "127.0.0.1:${port}", tls: { cert: a.crt, key: open.key } }, backend: 1 } }\n`,
      { "a.crt": chain, "open.key": key },
    );
    assert.equal(exit, 0, stderr);
    assert.deepEqual(verdicts(found("certificates", /valid for (19|20) days/)), ["warn"]);
    assert.match(found("certificates", /open\.key.*everybody/)[0]?.remedy ?? "", /^chmod 600 .*open\.key$/);
  });

  test("reports the errors of a configuration as check does", async () => {
    const { exit, stderr } = await examine("tunnels: { web: { frontend: 8080 } }\n");
    assert.equal(exit, 78);
    assert.match(stderr, /tunnels\.yaml:1:\d+: tunnels\.web/);
  });
});
