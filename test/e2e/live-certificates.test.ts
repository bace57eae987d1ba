/**
 * Certificates are renewed by programs that only write files: the new one must be in use by itself, whatever way the files
 * were replaced; a pair that is broken, or only half there, must change nothing.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { connect as tlsConnect } from "node:tls";
import { type BrokenPair, brokenPairs } from "../support/broken-pairs.ts";
import { testAuthority } from "../support/certificates.ts";
import { startOnce } from "../support/echo.ts";
import { freePort } from "../support/ports.ts";
import { type Reloadable, startReloadable } from "../support/reloadable.ts";
import { visit } from "../support/visit.ts";

const authority = testAuthority();
const issue = (cn: string) => authority.issue({ cn });
const yaml = (port: number, target: number, cert = "a.crt", key = "a.key") =>
  `workers: 1\ntunnels: { web: { frontend: { listen: 127.0.0.1:${port}, tls: { cert: ${cert}, key: ${key} } }, backend: 127.0.0.1:${target} } }\n`;

async function nameAt(port: number): Promise<string | undefined> {
  const socket = tlsConnect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  socket.on("error", () => {});
  await once(socket, "secureConnect");
  const names = socket.getPeerCertificate().subjectaltname;
  socket.destroy();
  return names?.replace("DNS:", "");
}

/** The new name, which is to be seen soon. */
async function becomes(port: number, name: string): Promise<void> {
  for (const deadline = Date.now() + 20_000; (await nameAt(port)) !== name; await delay(20))
    assert.ok(Date.now() < deadline, `${name} was never seen`);
}

async function start(names = ["a.crt", "a.key"] as const) {
  const target = await startOnce();
  const port = await freePort();
  const { cert, key } = issue("first.test");
  const program = await startReloadable(yaml(port, target.port, ...names), { "a.crt": cert, "a.key": key });
  return {
    program,
    port,
    async [Symbol.asyncDispose]() {
      await program[Symbol.asyncDispose]();
      await target[Symbol.asyncDispose]();
    },
  };
}

describe("a certificate whose files are replaced", () => {
  test("in place, one after the other, is in use by itself", async () => {
    await using running = await start();
    const { program, port } = running;
    assert.equal(await nameAt(port), "first.test");
    const next = issue("second.test");
    writeFileSync(program.path("a.crt"), next.cert);
    writeFileSync(program.path("a.key"), next.key);
    await becomes(port, "second.test");
    const applied = await program.instance.line(({ event }) => event === "material-applied");
    assert.deepEqual(applied["tunnels"], ["web"]);
  });

  test("through a symbolic link that is swapped, is in use by itself", async () => {
    const target = await startOnce();
    const port = await freePort();
    const [one, two] = [issue("one.test"), issue("two.test")];
    await using program = await startReloadable(yaml(port, target.port), {
      "a.crt": one.cert,
      "a.key": one.key,
    });
    // as Kubernetes lays out a secret: a.crt → ..data/a.crt, ..data → a folder of the version
    const lay = (version: string, { cert, key }: { cert: string; key: string }) => {
      mkdirSync(program.path(version));
      writeFileSync(program.path(`${version}/a.crt`), cert);
      writeFileSync(program.path(`${version}/a.key`), key);
      symlinkSync(version, program.path("..next"));
      renameSync(program.path("..next"), program.path("..data"));
    };
    lay("v1", issue("linked.test"));
    for (const file of ["a.crt", "a.key"]) {
      unlinkSync(program.path(file));
      symlinkSync(`..data/${file}`, program.path(file));
    }
    await becomes(port, "linked.test");
    lay("v2", two);
    await becomes(port, "two.test");
    rmSync(program.path("v1"), { recursive: true });
    await target.close();
  });

  test("a hundred times under load, fails no connection", async () => {
    await using running = await start();
    const { program, port } = running;
    let going = true;
    const failed: (string | undefined)[] = [];
    let visits = 0;
    const load = Array.from({ length: 2 }, async () => {
      while (going) {
        const { error, text } = await visit(port, { say: "hello", tls: {} });
        visits++;
        if (error !== undefined || text !== "hello") failed.push(error ?? text);
      }
    });
    const pairs = ["even.test", "odd.test"].map((cn) => ({ cn, ...issue(cn) }));
    for (let count = 0; count < 100; count++) {
      const pair = pairs[count % 2];
      if (!pair) throw new Error("no pair");
      for (const [file, text] of [
        ["a.crt", pair.cert],
        ["a.key", pair.key],
      ] as const) {
        writeFileSync(program.path(`${file}.new`), text);
        renameSync(program.path(`${file}.new`), program.path(file));
      }
      // the first ones each wait until they are seen, the others come as they come
      if (count < 5) await becomes(port, pair.cn);
      else await delay(20);
    }
    await becomes(port, "odd.test");
    going = false;
    await Promise.all(load);
    assert.deepEqual(failed, []);
    assert.ok(visits > 50);
  });

  test("by a pair that is broken, serves on, and one clear reason is told", async () => {
    await using running = await start();
    const { program, port } = running;
    const { cert, key } = issue("next.test");
    const broken = Object.entries(brokenPairs(authority)).filter(([what]) => whileWritten.has(what));
    assert.equal(broken.length, whileWritten.size);
    let told = 0;
    for (const [what, { files, reason }] of broken) {
      layFiles(program, files);
      const rejected = () => program.instance.lines.filter(({ event }) => event === "material-rejected");
      await program.instance.line(() => rejected().length > told, what);
      assert.match(String(rejected()[told]?.["reason"]), reason, what);
      told = rejected().length;
      assert.equal(await nameAt(port), "first.test", what);
    }
    writeFileSync(program.path("a.crt"), cert);
    writeFileSync(program.path("a.key"), key);
    await becomes(port, "next.test");
  });
});

describe("a reload with a pair that is broken", () => {
  test("in any of many ways leaves all workers with the one before, and tells one reason", async () => {
    await using target = await startOnce();
    const port = await freePort();
    const yaml = (tls = "cert: a.crt, key: a.key") =>
      `workers: 2\nwatch: false\ntunnels:\n  web: { frontend: { listen: 127.0.0.1:${port}, tls: { ${tls} } }, backend: 127.0.0.1:${target.port} }\n`;
    const { cert, key } = issue("first.test");
    await using program = await startReloadable(yaml(), { "a.crt": cert, "a.key": key });
    for (const [what, broken] of Object.entries(brokenPairs(authority))) {
      const { files, tls, option = "cert", reason } = broken;
      layFiles(program, files);
      const told = program.instance.lines.length;
      const rejected = await program.reload(yaml(tls));
      const [first = "", ...rest] = String(rejected["reason"]).split("\n");
      assert.equal(rejected.event, "config-rejected", what);
      assert.ok(first.includes(` tunnels.web.frontend.tls.${option}: `), `${what}: ${first}`);
      assert.match(first, reason, what);
      assert.equal(rest.at(-1), "1 error", what);
      assert.doesNotMatch(first, /error:[0-9A-F]{8}/, what);
      const complaints = program.instance.lines.slice(told).filter(({ level }) => level === "error");
      assert.equal(complaints.length, 1, what);
      for (let visits = 0; visits < 2; visits++) assert.equal(await nameAt(port), "first.test", what);
    }
    const next = issue("next.test");
    layFiles(program, { "a.crt": next.cert, "a.key": next.key });
    assert.equal((await program.reload(yaml())).event, "config-applied");
    assert.equal(await nameAt(port), "next.test");
  });
});

/** Those of the broken pairs that come about while a program writes the files, or forgets one. */
const whileWritten = new Set([
  "the key of another",
  "an empty certificate",
  "an empty key",
  "a certificate cut in half",
  "a key cut in half",
  "a chain cut in its second certificate",
  "no certificate at all",
  "no key at all",
]);

/** Nothing else than these is there afterwards under these names. */
function layFiles(program: Reloadable, files: BrokenPair["files"]): void {
  for (const name of ["a.crt", "a.key", "a.p12"])
    rmSync(program.path(name), { recursive: true, force: true });
  for (const [name, content] of Object.entries(files)) {
    const path = program.path(name);
    if (content === "folder") mkdirSync(path);
    else if (content === "circle") symlinkSync(name, path);
    else writeFileSync(path, content, { mode: 0o600 });
  }
}
