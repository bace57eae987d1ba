/** A configuration is loaded from one state of its files, and workers get just that state: no later one, and no other file. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { filesOf, fingerprint, RecordedFiles } from "../../../src/tls/files.ts";
import { writeFiles } from "../../support/certificates.ts";

test("a file that changes while a configuration is loaded is seen in one state", async () => {
  using folder = writeFiles({ a: "first" });
  const recorded = new RecordedFiles();
  assert.equal(String(await recorded.read(folder.path("a"))), "first");
  writeFileSync(folder.path("a"), "second");
  assert.equal(String(await recorded.read(folder.path("a"))), "first");
  assert.equal(String(await new RecordedFiles(recorded).read(folder.path("a"))), "first");
});

test("the fingerprint follows what the files hold, not when or in which order they were read", async () => {
  using folder = writeFiles({ a: "one", b: "two" });
  const read = async (...names: string[]) => {
    const recorded = new RecordedFiles();
    for (const name of names) await recorded.read(folder.path(name));
    return fingerprint(recorded);
  };
  assert.equal(await read("a", "b"), await read("b", "a"));
  const before = await read("a");
  writeFileSync(folder.path("a"), "other");
  assert.notEqual(await read("a"), before);
});

test("another process gets what was read, after a trip through structured clone, and nothing else", async () => {
  using folder = writeFiles({ a: "one" });
  const recorded = new RecordedFiles();
  await recorded.read(folder.path("a"));
  await recorded.list(folder.path("."));
  const { files, folders } = recorded;
  const sent = filesOf(structuredClone({ files, folders }));
  assert.equal(String(await sent.read(folder.path("a"))), "one");
  assert.equal((await sent.list(folder.path("."))).length, 1);
  await assert.rejects(sent.read("/etc/hostname"), { code: "ENOENT" });
});
