/**
 * Whatever somebody writes into the file, the configuration in use serves on: a session under way goes on, a new one comes
 * about, the reason is said once with its place, and the next good file is taken over.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { suite, test } from "node:test";
import { testAuthority } from "../support/certificates.ts";
import { openDialog, startAnswering } from "../support/dialogs.ts";
import { freePort } from "../support/ports.ts";
import { type Reloadable, startReloadable } from "../support/reloadable.ts";

const authority = testAuthority();
const { chain, key } = authority.issue();
const other = authority.issue();
const files = { "own.crt": chain, "own.key": key, "other.key": other.key, "ca.crt": authority.cert };

interface Kind {
  readonly what: string;
  /** The whole file; `GOOD` stands for the tunnel that is in use, `TAKEN` for an address that somebody else has. */
  readonly yaml: string;
  readonly says: RegExp;
  /** Made beside the file before. */
  readonly prepare?: (program: Reloadable) => void;
}

const write = (name: string, content: string | Buffer) => (program: Reloadable) =>
  writeFileSync(program.path(name), content);
const tls = (block: string) =>
  `GOOD\n  tls: { frontend: { listen: 127.0.0.1:0, tls: ${block} }, backend: 127.0.0.1:9 }`;
const second = (block: string) => `GOOD\n  second: ${block}`;
const place = /tunnels\.yaml:\d+:\d+: /;

const kinds: readonly Kind[] = [
  { what: "YAML that is broken", yaml: "tunnels: [", says: place },
  { what: "an empty file", yaml: "", says: /there is no tunnel|empty/ },
  { what: "a list in the place of the whole", yaml: "- tunnels\n", says: place },
  { what: "a tab for indentation", yaml: "tunnels:\n\tweb: 80\n", says: place },
  {
    what: "a key twice",
    yaml: second("{ frontend: 127.0.0.1:0, frontend: 127.0.0.1:0, backend: 9 }"),
    says: place,
  },
  { what: "an alias to nothing", yaml: "tunnels: { web: *gone }\n", says: place },
  { what: "an unknown key at the top", yaml: "GOOD\ntunels: {}\n", says: /tunels.*did you mean "tunnels"/s },
  {
    what: "an unknown key in a tunnel",
    yaml: second("{ frontnd: 1, backend: 9 }"),
    says: /did you mean "frontend"/,
  },
  {
    what: "a text where a number belongs",
    yaml: second("{ frontend: { listen: 0, limits: { connections: many } }, backend: 9 }"),
    says: place,
  },
  {
    what: "a duration without a unit",
    yaml: second("{ frontend: { listen: 0, timeouts: { idle: soon } }, backend: 9 }"),
    says: place,
  },
  {
    what: "a negative duration",
    yaml: second("{ frontend: { listen: 0, timeouts: { idle: -5s } }, backend: 9 }"),
    says: place,
  },
  { what: "a port that is none", yaml: second("{ frontend: 127.0.0.1:65536, backend: 9 }"), says: place },
  { what: "a host that is none", yaml: second("{ frontend: 0, backend: 'a b:80' }"), says: place },
  { what: "a tunnel without a backend", yaml: second("{ frontend: 0 }"), says: place },
  {
    what: "a backend without targets",
    yaml: second("{ frontend: 0, backend: { targets: [] } }"),
    says: place,
  },
  {
    what: "a target twice",
    yaml: second("{ frontend: 0, backend: { targets: [ '127.0.0.1:9', '127.0.0.1:9' ] } }"),
    says: place,
  },
  {
    what: "a weight of zero",
    yaml: second("{ frontend: 0, backend: { targets: [ { address: '127.0.0.1:9', weight: 0 } ] } }"),
    says: place,
  },
  {
    what: "a balancer that nobody knows",
    yaml: second("{ frontend: 0, backend: { targets: [ 9 ], balance: roundrobin } }"),
    says: /did you mean "round-robin"/,
  },
  {
    what: "a shared backend that is not there",
    yaml: second("{ frontend: 0, backend: elsewhere }"),
    says: place,
  },
  {
    what: "an address of somebody else",
    yaml: second("{ frontend: TAKEN, backend: 9 }"),
    says: /cannot listen on .*in use/,
  },
  {
    what: "an address that this machine does not have",
    yaml: second("{ frontend: 192.0.2.1:8080, backend: 9 }"),
    says: /cannot listen on 192\.0\.2\.1:8080/,
  },
  {
    what: "a unix socket whose path is too long",
    yaml: second(`{ frontend: 'unix:/tmp/${"x".repeat(120)}', backend: 9 }`),
    says: /tunnels\.yaml:\d+:\d+: |cannot listen/,
  },
  {
    what: "a unix socket in a folder that is not there",
    yaml: second("{ frontend: unix:/nonexistent/s, backend: 9 }"),
    says: /cannot listen on unix:\/nonexistent\/s/,
  },
  {
    what: "an address twice",
    yaml: "GOOD\n  a: { frontend: 127.0.0.1:29999, backend: 9 }\n  b: { frontend: 127.0.0.1:29999, backend: 9 }",
    says: /29999/,
  },
  { what: "a certificate that is missing", yaml: tls("{ cert: gone.crt, key: own.key }"), says: /gone\.crt/ },
  {
    what: "a key of another certificate",
    yaml: tls("{ cert: own.crt, key: other.key }"),
    says: /other\.key/,
  },
  {
    what: "a certificate that is none",
    yaml: tls("{ cert: rubbish.crt, key: own.key }"),
    says: /rubbish\.crt/,
    prepare: write("rubbish.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
  },
  {
    what: "a folder in the place of a key",
    yaml: tls("{ cert: own.crt, key: folder }"),
    says: /folder/,
    prepare: (program) => mkdirSync(program.path("folder")),
  },
  {
    what: "cipher suites that nobody has",
    yaml: tls("{ cert: own.crt, key: own.key, ciphers: NONE-SUCH }"),
    says: place,
  },
  {
    what: "clients verified by nobody",
    yaml: tls("{ cert: own.crt, key: own.key, client: { verify: required } }"),
    says: place,
  },
  {
    what: "an authority without a certificate",
    yaml: tls("{ cert: own.crt, key: own.key, client: { verify: required, ca: empty.pem } }"),
    says: /empty\.pem/,
    prepare: write("empty.pem", ""),
  },
  {
    what: "a variable that is not set",
    yaml: second(`{ frontend: 0, backend: '\${EQUILIBRIA_NOT_SET}:80' }`),
    says: /EQUILIBRIA_NOT_SET/,
  },
  { what: "an include that is not there", yaml: "include: [ gone.yaml ]\nGOOD", says: /gone\.yaml/ },
  { what: "an include of itself", yaml: "include: [ tunnels.yaml ]\nGOOD", says: /tunnels\.yaml/ },
  {
    what: "an error in an included file",
    yaml: "include: [ part.yaml ]\nGOOD",
    says: /part\.yaml:1:\d+: /,
    prepare: write("part.yaml", "tunnels: { more: { frontend: 0, backend: 9, x: 1 } }\n"),
  },
  {
    what: "a module that throws",
    yaml: `plugins: [ throws.ts ]\n${second("{ frontend: 0, backend: 9 }")}`,
    says: /throws\.ts/,
    prepare: write("throws.ts", "throw new Error('no');\n"),
  },
  {
    what: "bytes that are no text",
    yaml: "binary",
    says: /tunnels\.yaml/,
    prepare: write("tunnels.yaml", Buffer.from([0xff, 0xfe, 0x00, 0x80])),
  },
];

async function start(workers: number) {
  const target = await startAnswering((line) => `heard ${line}`);
  const port = await freePort();
  const good = `tunnels:\n  web: { frontend: 127.0.0.1:${port}, backend: 127.0.0.1:${target.port} }`;
  const squatter = createServer().listen(0, "127.0.0.1");
  await once(squatter, "listening");
  const address = squatter.address();
  const taken = `127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  const head = workers > 1 ? `workers: ${workers}\n` : "";
  const program = await startReloadable(`${head}${good}\n`, files);
  return {
    program,
    port,
    good: `${head}${good}\n`,
    fill: (yaml: string) =>
      `${yaml === "" ? "" : head}${yaml.replace("GOOD", () => good).replace("TAKEN", taken)}`,
    [Symbol.asyncDispose]: async () => {
      await program[Symbol.asyncDispose]();
      await target[Symbol.asyncDispose]();
      squatter.close();
    },
  };
}

/** Reloads what is bad, and looks at what is left: everything. */
async function refuse({ what, yaml, says, prepare }: Kind, setting: Awaited<ReturnType<typeof start>>) {
  const { program, port, fill } = setting;
  using dialog = await openDialog(port);
  await dialog.ask("before");
  prepare?.(program);
  const answer = await (yaml === "binary" ? program.reload() : program.reload(fill(yaml)));
  assert.equal(answer.event, "config-rejected", what);
  assert.match(String(answer["reason"]), says, what);
  assert.ok(await dialog.ask("the session that was there"));
  using fresh = await openDialog(port);
  assert.ok(await fresh.ask("a new session"));
}

suite("a bad file is refused, and everything goes on", () => {
  test(`${kinds.length} kinds of it, one after the other, and then a good one`, async () => {
    assert.ok(kinds.length >= 30);
    await using setting = await start(1);
    for (const kind of kinds) await refuse(kind, setting);
    assert.equal((await setting.program.reload(setting.good)).event, "config-applied");
    const { lines } = setting.program.instance;
    assert.equal(
      lines.filter(({ event }) => event === "config-rejected").length,
      kinds.length,
      "one reason each",
    );
    assert.equal(setting.program.instance.process.exitCode, null);
  });

  test("with two workers, too", async () => {
    await using setting = await start(2);
    for (const [index, kind] of kinds.entries()) if (index % 4 === 3) await refuse(kind, setting);
    assert.equal((await setting.program.reload(setting.good)).event, "config-applied");
  });
});
