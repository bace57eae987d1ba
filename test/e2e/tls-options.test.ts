/**
 * What of TLS can be chosen, each with openssl on the other side: an option that is read and then forgotten looks the same as one that
 * works, from inside.
 */
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { connect } from "node:net";
import { suite, test } from "node:test";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startOnce } from "../support/echo.ts";
import { runToEnd, startInstance } from "../support/instance.ts";
import { sClient } from "../support/openssl.ts";
import { freePort } from "../support/ports.ts";
import { startProgram } from "../support/program.ts";
import { requires } from "../support/requires.ts";

const authority = testAuthority();
const rsa = authority.issue({ key: "rsa" });
const files = { "ca.crt": authority.cert, "rsa.crt": rsa.chain, "rsa.key": rsa.key };
const anything = ["-cipher", "ALL:@SECLEVEL=0"];

/** A frontend for each block of further options, in front of one plain target. */
async function frontends(blocks: Readonly<Record<string, string>>, args: readonly string[] = []) {
  await using stack = new AsyncDisposableStack();
  const target = await startOnce();
  stack.defer(() => target.close());
  const tunnels = Object.entries(blocks).map(
    ([name, more]) => `
  ${name}:
    frontend: { listen: 127.0.0.1:0, tls: { cert: rsa.crt, key: rsa.key, ${more} } }
    backend: ${target.port}`,
  );
  const program = stack.use(await startInstance(`tunnels:${tunnels.join("")}`, files, { args }));
  const talk = (tunnel: string, ...given: readonly string[]) => sClient(program.port(tunnel), given);
  const owned = stack.move();
  return { program, talk, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Sends a line through a plain frontend; undefined when it is closed without an answer. */
async function ask(port: number): Promise<string | undefined> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.write("hello\n");
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  socket.once("data", (answer) => resolve(answer.toString())).once("close", () => resolve(undefined));
  const answer = await promise;
  socket.destroy();
  return answer;
}

/** openssl as the target; it sends every line back reversed. */
async function opensslTarget(...args: readonly string[]) {
  const material = writeFiles(files);
  const port = await freePort();
  const identity = ["-cert", material.path("rsa.crt"), "-key", material.path("rsa.key")];
  const server = await startProgram(
    "openssl",
    ["s_server", "-accept", `127.0.0.1:${port}`, ...identity, "-rev", ...args],
    { ready: /ACCEPT/ },
  );
  return {
    port,
    server,
    args: identity,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      material[Symbol.dispose]();
    },
  };
}

suite("a frontend's TLS options", requires("openssl"), () => {
  test("signatureAlgorithms: what is listed is used, and a client with none of them is refused", async () => {
    await using setup = await frontends({ pss384: "signatureAlgorithms: [ rsa_pss_rsae_sha384 ]" });
    const { text } = await setup.talk("pss384");
    assert.match(text, /Peer signing digest: SHA384/);
    assert.match(text, /Peer signature type: RSA-PSS/);
    const refused = await setup.talk("pss384", "-sigalgs", "RSA-PSS+SHA256");
    assert.notEqual(refused.code, 0);
  });

  test("minVersion and maxVersion are kept", async () => {
    await using setup = await frontends({ newest: "minVersion: TLSv1.3", older: "maxVersion: TLSv1.2" });
    assert.match((await setup.talk("newest", "-tls1_2")).text, /alert protocol version/);
    assert.match((await setup.talk("newest")).text, /New, TLSv1\.3/);
    assert.match((await setup.talk("older", "-tls1_3")).text, /alert protocol version/);
    assert.match((await setup.talk("older")).text, /New, TLSv1\.2/);
  });

  test("legacy: true speaks TLS 1.0 and 1.1 where minVersion says so, and a warning says it at the start", async () => {
    await using setup = await frontends({
      old: "legacy: true, minVersion: TLSv1",
      level: "legacy: true",
      modern: "",
    });
    for (const [flag, version] of [
      ["-tls1", "TLSv1"],
      ["-tls1_1", "TLSv1.1"],
    ] as const) {
      const { text } = await setup.talk("old", flag, ...anything);
      assert.match(text, new RegExp(`Protocol *: ${version.replace(".", "\\.")}\n`));
      assert.match(text, /\nhello\n/);
    }
    // the level alone opens no older version, but suites that a frontend refuses otherwise
    assert.match((await setup.talk("level", "-tls1_1", ...anything)).text, /alert protocol version/);
    const suite = ["-tls1_2", "-cipher", "AES128-SHA"];
    assert.match((await setup.talk("level", ...suite)).text, /\nhello\n/);
    assert.match((await setup.talk("modern", ...suite)).text, /alert handshake failure/);
    const warned = setup.program.lines.filter(({ event }) => event === "tls-weakened");
    assert.deepEqual(warned.map(({ tunnel }) => tunnel).toSorted(), ["level", "old"]);
    assert.match(String(warned[0]?.["msg"]), /tunnels\.old\.frontend\.tls\.legacy/);
  });

  test("no client can renegotiate, with legacy neither", async () => {
    await using setup = await frontends({ modern: "", old: "legacy: true" });
    for (const tunnel of ["modern", "old"]) {
      const { text } = await sClient(setup.program.port(tunnel), ["-tls1_2"], {
        say: "R\n",
        interactive: true,
      });
      assert.match(text, /RENEGOTIATING[\s\S]*no renegotiation/);
    }
  });
});

suite("a key log", requires("openssl"), () => {
  const config = (path: string) => `tunnels:
  web:
    frontend: { listen: 127.0.0.1:0, tls: { cert: rsa.crt, key: rsa.key, keyLog: ${path} } }
    backend: 1
`;

  test("is refused without --insecure-debug, with place and remedy", async () => {
    using folder = writeFiles({ ...files, "tunnels.yaml": config("keys.log") });
    const { exit, stderr } = await runToEnd(["-c", folder.path("tunnels.yaml")]);
    assert.equal(exit, 78);
    assert.match(stderr, /tunnels\.yaml:3:\d+: tunnels\.web\.frontend\.tls\.keyLog: .*--insecure-debug/);
  });

  test("gets what openssl writes down for the same session, in a file for its owner only", async () => {
    using folder = writeFiles({ "before.log": "# kept\n" });
    const path = folder.path("keys.log");
    await using setup = await frontends(
      { web: `keyLog: ${path}`, more: `keyLog: ${folder.path("before.log")}`, silent: "" },
      ["--insecure-debug"],
    );
    await setup.talk("web", "-keylogfile", folder.path("openssl.log"));
    await setup.talk("more");
    await setup.talk("silent");
    const lines = (file: string) =>
      readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => /^[A-Z]/.test(line));
    assert.deepEqual(lines(path).toSorted(), lines(folder.path("openssl.log")).toSorted());
    assert.ok(lines(path).length >= 5);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.match(readFileSync(folder.path("before.log"), "utf8"), /^# kept\n[A-Z]/);
    const warned = setup.program.lines.filter(({ event }) => event === "tls-weakened");
    assert.deepEqual(warned.map(({ tunnel }) => tunnel).toSorted(), ["more", "web"]);
  });
});

suite("a backend's TLS options", requires("openssl"), () => {
  /** A plain frontend in front of openssl. */
  const towards = (port: number, tls: string, args: readonly string[] = []) =>
    startInstance(
      `tunnels: { out: { frontend: 127.0.0.1:0, backend: { targets: [ localhost:${port} ], tls: { ca: ca.crt, ${tls} } } } }\n`,
      files,
      { args },
    );

  test("serverName: false sends no SNI, and the certificate is checked all the same", async () => {
    // openssl shows a certificate of another authority to whoever asks for localhost
    const other = testAuthority().issue({ key: "rsa" });
    using wrong = writeFiles({ "rsa.crt": other.chain, "rsa.key": other.key });
    const second = ["-cert2", wrong.path("rsa.crt"), "-key2", wrong.path("rsa.key")];
    await using choosing = await opensslTarget("-servername", "localhost", ...second);
    await using named = await towards(choosing.port, "");
    assert.equal(await ask(named.port("out")), undefined);
    await using unnamed = await towards(choosing.port, "serverName: false");
    assert.equal(await ask(unnamed.port("out")), "olleh\n");
    await using target = await opensslTarget();
    await using program = await startInstance(
      `tunnels: { out: { frontend: 127.0.0.1:0, backend: { targets: [ 127.0.0.2:${target.port} ], tls: { ca: ca.crt, serverName: false } } } }\n`,
      files,
    );
    assert.equal(await ask(program.port("out")), undefined);
  });

  test("legacy: true reaches a target that knows TLS 1.1 only", async () => {
    await using target = await opensslTarget("-tls1_1", ...anything);
    await using modern = await towards(target.port, "");
    assert.equal(await ask(modern.port("out")), undefined);
    await using legacy = await towards(target.port, "legacy: true, minVersion: TLSv1");
    assert.equal(await ask(legacy.port("out")), "olleh\n");
  });

  test("signatureAlgorithms: a target that signs otherwise is refused", async () => {
    await using target = await opensslTarget("-sigalgs", "RSA-PSS+SHA256");
    await using other = await towards(target.port, "signatureAlgorithms: [ RSA-PSS+SHA512 ]");
    assert.equal(await ask(other.port("out")), undefined);
    await using same = await towards(target.port, "signatureAlgorithms: [ RSA-PSS+SHA256, RSA+SHA256 ]");
    assert.equal(await ask(same.port("out")), "olleh\n");
  });

  test("a key log has the secrets of sessions with targets", async () => {
    using folder = writeFiles({});
    const path = folder.path("keys.log");
    await using target = await opensslTarget("-keylogfile", folder.path("openssl.log"));
    await using program = await towards(target.port, `keyLog: ${path}`, ["--insecure-debug"]);
    assert.equal(await ask(program.port("out")), "olleh\n");
    const secrets = (file: string) => readFileSync(file, "utf8").match(/^CLIENT_TRAFFIC_SECRET_0 .*/gm);
    assert.deepEqual(secrets(path), secrets(folder.path("openssl.log")));
  });
});
