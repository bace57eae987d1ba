// Balancers that users bring along, as docs/balancing.md shows them: run, checked, and survived when they are broken.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { writeFiles } from "../support/certificates.ts";
import { askInTurn, startNamedTargets } from "../support/dialogs.ts";
import { launcher, runToEnd, startInstance } from "../support/instance.ts";
import { canaryConfiguration, canaryModule, lastModule } from "../support/own-balancer.ts";
import { run } from "../support/program.ts";

suite("a balancer of one's own", () => {
  test("the example of the documentation is a valid configuration", async () => {
    using files = writeFiles({ "tunnels.yaml": canaryConfiguration, "canary.ts": canaryModule });
    const { exit, stdout } = await runToEnd(["check", "-c", files.path("tunnels.yaml")]);
    assert.equal(exit, 0);
    assert.match(stdout, /ok, 1 tunnel/);
  });

  test("the example chooses as its options say", async () => {
    await using targets = await startNamedTargets(2);
    const [first, second] = targets.map(({ port }) => `127.0.0.1:${port}`);
    const yaml = `
plugins: [balancers/canary.ts]
tunnels:
  never: { frontend: "127.0.0.1:0", backend: { targets: ["${first}", "${second}"], balance: { algorithm: canary, target: "${second}", percent: 0 } } }
  always: { frontend: "127.0.0.1:0", backend: { targets: ["${first}", "${second}"], balance: { algorithm: canary, target: "${second}", percent: 100 } } }
`;
    await using instance = await startInstance(yaml, { "balancers/canary.ts": canaryModule });
    assert.deepEqual(await askInTurn(instance.port("never"), 3), ["target-1", "target-1", "target-1"]);
    assert.deepEqual(await askInTurn(instance.port("always"), 3), ["target-2", "target-2", "target-2"]);
  });

  test("a JavaScript module without imports chooses too", async () => {
    await using targets = await startNamedTargets(3);
    const ports = targets.map(({ port }) => port).join(", ");
    await using instance = await startInstance(
      `plugins: [last.js]\ntunnels: { web: { frontend: "127.0.0.1:0", backend: { targets: [${ports}], balance: last } } }\n`,
      { "last.js": lastModule },
    );
    assert.deepEqual(await askInTurn(instance.port("web"), 2), ["target-3", "target-3"]);
  });

  test("one that throws is logged once for many sessions, with its line, and round robin chooses", async () => {
    await using targets = await startNamedTargets(2);
    const ports = targets.map(({ port }) => port).join(", ");
    const module =
      'export default {\n  name: "broken",\n  create: () => ({ pick: (list) => list[9].key }),\n};\n';
    await using instance = await startInstance(
      `plugins: [broken.js]\ntunnels: { web: { frontend: "127.0.0.1:0", backend: { targets: [${ports}], balance: broken } } }\n`,
      { "broken.js": module },
    );
    assert.deepEqual(await askInTurn(instance.port("web"), 4), [
      "target-1",
      "target-2",
      "target-1",
      "target-2",
    ]);
    for (const { attempts } of await instance.sessions(4)) assert.equal(attempts, 1);
    const records = instance.lines.filter(({ event }) => event === "plugin-failed");
    assert.equal(records.length, 1);
    assert.equal(records[0]?.level, "error");
    assert.match(String(records[0]?.["reason"]), /reading 'key'.* \(broken\.js:3:\d+\)$/);
  });

  test("one that cannot be loaded, or cannot be made, keeps the program from starting", async () => {
    using files = writeFiles({
      "tunnels.yaml":
        "plugins: [licensed.js]\ntunnels: { web: { frontend: 0, backend: { targets: [80], balance: licensed } } }\n",
      "licensed.js": 'export default { name: "licensed", create() { throw new Error("no licence"); } };\n',
      "gone.yaml": "plugins: [gone.js]\ntunnels: { web: { frontend: 0, backend: 80 } }\n",
    });
    for (const command of [["check"], []]) {
      const made = await runToEnd([...command, "-c", files.path("tunnels.yaml")]);
      assert.equal(made.exit, 78);
      assert.match(made.stderr, /yaml:2:\d+: tunnels\.web\.backend\.balance: plugin licensed: no licence/);
      const gone = await runToEnd([...command, "-c", files.path("gone.yaml")]);
      assert.equal(gone.exit, 78);
      assert.match(gone.stderr, /yaml:1:11: plugins\[0\]: there is no file .*gone\.js/);
    }
  });

  test("its name and options are in the schema for editors", async () => {
    using files = writeFiles({ "tunnels.yaml": canaryConfiguration, "canary.ts": canaryModule });
    const { code, text } = await run("node", [launcher, "schema", "-c", files.path("tunnels.yaml")]);
    assert.equal(code, 0, text);
    const schema = JSON.stringify(JSON.parse(text));
    assert.ok(schema.includes('"const":"canary"') && schema.includes('"percent":'));
  });
});
