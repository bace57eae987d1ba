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
import { testAuthority } from "../support/certificates.ts";
import { startOnce } from "../support/echo.ts";
import { freePort } from "../support/ports.ts";
import { startReloadable } from "../support/reloadable.ts";
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

  test("by a pair that is broken in any of many ways, serves on, and one clear reason is told", async () => {
    await using running = await start();
    const { program, port } = running;
    const { cert, key } = issue("next.test");
    const other = issue("other.test");
    const past = { notBefore: new Date("2020-01-01"), notAfter: new Date("2021-01-01") };
    const future = { notBefore: new Date("2090-01-01"), notAfter: new Date("2091-01-01") };
    const expired = authority.issue({ cn: "old.test", ...past });
    const early = authority.issue({ cn: "new.test", ...future });
    const broken: Record<string, { crt?: string; key?: string; reason: RegExp }> = {
      "the key of another": { crt: cert, key: other.key, reason: /does not fit/ },
      "an empty certificate": { crt: "", key, reason: /holds no PEM certificate/ },
      "an empty key": { crt: cert, key: "", reason: /no private key/ },
      "text instead of a certificate": { crt: "hello", key, reason: /holds no PEM certificate/ },
      "text instead of a key": { crt: cert, key: "hello", reason: /no private key/ },
      "a certificate cut in half": {
        crt: cert.slice(0, cert.length / 2),
        key,
        reason: /holds no PEM certificate/,
      },
      "a key cut in half": { crt: cert, key: key.slice(0, key.length / 2), reason: /no private key/ },
      "a damaged certificate": {
        crt: cert.replace(/[A-Z]{4}/, "AAAA"),
        key,
        reason: /damaged|does not fit|no PEM/,
      },
      "an expired certificate": { crt: expired.cert, key: expired.key, reason: /has expired/ },
      "one that is not valid yet": { crt: early.cert, key: early.key, reason: /not valid before/ },
      "the two exchanged": { crt: key, key: cert, reason: /holds no PEM certificate/ },
      "no certificate at all": { key, reason: /cannot read/ },
      "no key at all": { crt: cert, reason: /cannot read/ },
    };
    let told = 0;
    for (const [what, { crt, key: pem, reason }] of Object.entries(broken)) {
      for (const [file, text] of [
        ["a.crt", crt],
        ["a.key", pem],
      ] as const) {
        rmSync(program.path(file), { force: true });
        if (text !== undefined) writeFileSync(program.path(file), text);
      }
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
