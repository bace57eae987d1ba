/** `import stunnel`, as it is run: what it writes is what `check` accepts, and its exit code says what became of the file. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { writeFiles } from "../support/certificates.ts";
import { runToEnd } from "../support/instance.ts";

const client = "[redis]\nclient = yes\naccept = 127.0.0.1:6379\nconnect = redis.example.com:6380\n";

suite("import stunnel", () => {
  test("writes what check accepts", async () => {
    using given = writeFiles({ "stunnel.conf": client });
    const made = await runToEnd(["import", "stunnel", given.path("stunnel.conf")]);
    assert.deepEqual([made.exit, made.stderr], [0, ""]);
    using ours = writeFiles({ "tunnels.yaml": made.stdout });
    const checked = await runToEnd(["check", "-c", ours.path("tunnels.yaml")]);
    assert.equal(checked.exit, 0, checked.stderr);
    assert.match(checked.stdout, /ok, 1 tunnel/);
  });

  test("exits with 78 at lines that make no sense, naming each by file and number and repeating none", async () => {
    using given = writeFiles({ "more/b.conf": "\n[half\n" });
    using main = writeFiles({
      "stunnel.conf": `${client}protocolPassword secret\ninclude = ${given.path("more")}\n`,
    });
    const { exit, stdout, stderr } = await runToEnd(["import", "stunnel", main.path("stunnel.conf")]);
    assert.deepEqual([exit, stdout], [78, ""]);
    const fault = 'neither "name = value" nor "[service]"';
    assert.match(stderr, new RegExp(`${main.path("stunnel.conf")}:5: ${RegExp.escape(fault)}`));
    assert.match(stderr, new RegExp(`${given.path("more/b.conf")}:2: ${RegExp.escape(fault)}`));
    assert.doesNotMatch(stderr, /secret|half/);
  });

  test("exits with 1 and the reasons when nothing can be carried over, with 66 when there is no file", async () => {
    using given = writeFiles({
      "stunnel.conf": "[shell]\naccept = 1\nconnect = 2\nlibwrap = yes\ncert = a\n",
    });
    const nothing = await runToEnd(["import", "stunnel", given.path("stunnel.conf")]);
    assert.deepEqual([nothing.exit, nothing.stdout], [1, ""]);
    assert.match(nothing.stderr, /\[shell\], line 1: not carried over: hosts\.allow and hosts\.deny/);
    assert.equal((await runToEnd(["import", "stunnel", given.path("none.conf")])).exit, 66);
  });
});
