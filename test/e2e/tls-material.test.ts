/**
 * Certificates and keys that cannot be used must be found before anything listens, all at once, at their place in the file and in
 * words that lead to the remedy: at three in the morning nobody decodes OpenSSL's error strings.
 */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { authority, faults, files, identity } from "../support/bad-material.ts";
import { writeFiles } from "../support/certificates.ts";
import { runToEnd, startInstance } from "../support/instance.ts";

const day = 86_400_000;

const tunnel = (name: string, side: string, tls: string) => {
  const frontend = side === "frontend" ? `{ listen: "127.0.0.1:0", tls: { ${tls} } }` : '"127.0.0.1:0"';
  const backend = side === "backend" ? `{ targets: [ 443 ], tls: { ${tls} } }` : "443";
  return `
  ${name}:
    frontend: ${frontend}
    backend: ${backend}`;
};

suite("material that cannot be used", { concurrency: 2 }, () => {
  for (const [what, [side, tls, option, message]] of Object.entries(faults))
    test(`${what} ends the start with one message at the option that is wrong`, async () => {
      using folder = writeFiles({ ...files, "tunnels.yaml": `tunnels:${tunnel("bad", side, tls)}` });
      const { exit, stdout, stderr } = await runToEnd(["-c", folder.path("tunnels.yaml")]);
      assert.deepEqual([exit, stdout], [78, ""]);
      const [first = "", frame = "", carets = "", count] = stderr.trimEnd().split("\n");
      const place = new RegExp(
        `^${folder.dir}/tunnels\\.yaml:(\\d+):(\\d+): tunnels\\.bad\\.${side}\\.tls\\.${option}: `,
      );
      assert.match(first, place);
      assert.match(first.replace(place, ""), message);
      assert.equal(count, "1 error");
      // the frame marks the value of the option
      const marked = frame.slice(carets.indexOf("^"), carets.lastIndexOf("^") + 1);
      const secret = option === "passphrase" && !marked.startsWith("{");
      const value = new RegExp(`${option.split(".").at(-1)}: ("?)(.*)`).exec(tls)?.[2] ?? "";
      assert.ok(
        secret ? /^\*+$/.test(marked) : value.startsWith(marked.replaceAll('"', "").slice(0, 8)),
        frame,
      );
    });

  const everything = Object.values(faults).map(([side, tls], index) => tunnel(`bad-${index}`, side, tls));

  test("check says the same as a start, everything in one run", async () => {
    using folder = writeFiles({ ...files, "tunnels.yaml": `tunnels:${everything.join("")}` });
    const path = folder.path("tunnels.yaml");
    const [check, start] = await Promise.all([runToEnd(["check", "-c", path]), runToEnd(["-c", path])]);
    assert.deepEqual([check.exit, start.exit, check.stdout, start.stdout], [78, 78, "", ""]);
    assert.equal(check.stderr, start.stderr);
    assert.match(check.stderr, new RegExp(`\n${everything.length} errors\n$`));
    for (const index of everything.keys())
      assert.match(check.stderr, new RegExp(`: tunnels\\.bad-${index}\\.`));
  });

  test("a fault of a shared backend is told once, where the backend stands, also in an included file", async () => {
    const shared = `{ targets: [ 443 ], tls: { ca: text.txt } }`;
    using folder = writeFiles({
      ...files,
      "tunnels.yaml":
        "include: [ more.yaml ]\ntunnels:\n  a: { frontend: 127.0.0.1:0, backend: b }\n  b: { frontend: 127.0.0.1:0, backend: b }\n",
      "more.yaml": `backends:\n  b: ${shared}\n`,
    });
    const { exit, stderr } = await runToEnd(["check", "-c", folder.path("tunnels.yaml")]);
    assert.equal(exit, 78);
    assert.match(
      stderr,
      new RegExp(`^${folder.dir}/more\\.yaml:2:\\d+: backends\\.b\\.tls\\.ca: .* holds no PEM certificate\n`),
    );
    assert.match(stderr, /\n1 error\n$/);
  });

  test("a file that is missing is told with its place", async () => {
    using folder = writeFiles({
      ...files,
      "tunnels.yaml": `tunnels:${tunnel("a", "frontend", "cert: god.crt, key: good.key")}`,
    });
    const { exit, stdout, stderr } = await runToEnd(["-c", folder.path("tunnels.yaml")]);
    assert.deepEqual([exit, stdout], [78, ""]);
    assert.match(
      stderr,
      /tunnels\.yaml:3:\d+: tunnels\.a\.frontend\.tls\.cert: there is no file .*god\.crt; did you mean "good\.crt"\?/,
    );
  });

  test("one tunnel that cannot be used keeps all of them from listening", async () => {
    const tunnels =
      tunnel("fine", "frontend", identity) + tunnel("bad", "frontend", "cert: good.crt, key: other.key");
    using folder = writeFiles({ ...files, "tunnels.yaml": `tunnels:${tunnels}` });
    const { exit, stdout } = await runToEnd(["-c", folder.path("tunnels.yaml")]);
    assert.deepEqual([exit, stdout], [78, ""]);
  });

  test("a disabled tunnel may name what is not there yet", async () => {
    const tunnels = `${tunnel("fine", "frontend", identity)}${tunnel("off", "frontend", "cert: no.crt, key: no.key")}\n    enabled: false`;
    using folder = writeFiles({ ...files, "tunnels.yaml": `tunnels:${tunnels}` });
    const { exit, stdout } = await runToEnd(["check", "-c", folder.path("tunnels.yaml")]);
    assert.deepEqual([exit, stdout], [0, `${folder.path("tunnels.yaml")}: ok, 1 tunnel`]);
  });
});

suite("material that will not be good for long", () => {
  const soon = authority.issue({ notBefore: new Date(Date.now() - 20 * day), days: 25 });
  const young = authority.issue({ days: 5 });
  const own = {
    "soon.crt": soon.chain,
    "soon.key": soon.key,
    "young.crt": young.chain,
    "young.key": young.key,
  };

  test("a start warns of a certificate that expires soon, on either side, and of no other", async () => {
    const tunnels =
      tunnel("soon", "frontend", "cert: soon.crt, key: soon.key") +
      tunnel("client", "backend", "cert: soon.crt, key: soon.key") +
      tunnel("young", "frontend", "cert: young.crt, key: young.key") +
      tunnel("good", "frontend", identity);
    await using program = await startInstance(`tunnels:${tunnels}`, { ...files, ...own });
    const warnings = program.lines.filter(({ event }) => event === "certificate-expiring");
    assert.deepEqual(
      warnings.map(({ tunnel: name, level }) => [name, level]),
      [
        ["soon", "warn"],
        ["client", "warn"],
      ],
    );
    assert.match(String(warnings[0]?.["source"]), /soon\.crt$/);
    assert.equal(warnings[0]?.["notAfter"], soon.certificate.validToDate.toISOString());
  });
});

test("a proxy's password that cannot be read ends check and start with one message at its place", async () => {
  const negotiate = "{ protocol: socks, destination: db.example:5432, username: me, passwordFile: none.txt }";
  using folder = writeFiles({
    "tunnels.yaml": `
tunnels:
  far:
    frontend: 127.0.0.1:0
    backend: { targets: [ 1080 ], negotiate: ${negotiate} }
  chosen:
    frontend: { listen: 127.0.0.1:0, tls: { ${identity} } }
    routes: [ { match: { serverName: a.example }, backend: { targets: [ 1080 ], negotiate: ${negotiate} } } ]
    backend: 80
`,
    ...files,
  });
  for (const args of [["check"], []]) {
    const { exit, stdout, stderr } = await runToEnd([...args, "-c", folder.path("tunnels.yaml")]);
    assert.deepEqual([exit, stdout], [78, ""]);
    const places = [...stderr.matchAll(/^.*yaml:(\d+):\d+: (.*?): the password cannot be read: ENOENT/gm)];
    assert.deepEqual(
      places.map(([, line, path]) => [line, path]),
      [
        ["5", "tunnels.far.backend.negotiate.passwordFile"],
        ["8", "tunnels.chosen.routes[0].backend.negotiate.passwordFile"],
      ],
      stderr,
    );
  }
});
