// Modules are programs: whatever one holds, a wrong one is an error of the configuration, at its place in the list,
// beside all the others.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { createBalancers } from "../../../src/app/balancers.ts";
import { MaterialFaults } from "../../../src/app/material-faults.ts";
import { ConfigError, type LoadedConfig } from "../../../src/config/load.ts";
import { plugins } from "../../../src/config/plugins.ts";
import { loadWithPlugins } from "../../../src/config/user-plugins.ts";
import { Events } from "../../../src/core/events.ts";
import { sessionFrom, targetsOf } from "../../support/balancing.ts";
import { writeFiles } from "../../support/certificates.ts";
import { canaryModule, lastModule } from "../../support/own-balancer.ts";

/** A tunnel with this balancer, and these modules. */
function configuration(balance: string, ...modules: readonly string[]): string {
  const list = modules.map((file) => JSON.stringify(file)).join(", ");
  return `plugins: [${list}]\ntunnels: { web: { frontend: 8080, backend: { targets: [ 80, 81 ], balance: ${balance} } } }\n`;
}

async function load(yaml: string, modules: Readonly<Record<string, string>> = {}): Promise<LoadedConfig> {
  using files = writeFiles({ "tunnels.yaml": yaml, ...modules });
  return await loadWithPlugins({ file: files.path("tunnels.yaml") }, { env: {}, ...plugins });
}

/** Path and message of each error; folders are left out. */
async function errorsOf(yaml: string, modules: Readonly<Record<string, string>> = {}) {
  const error = await load(yaml, modules).then(
    () => assert.fail("accepted"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof ConfigError)) throw error;
  return error.diagnostics.map(({ path, message }) => `${path}: ${message.replaceAll(/\/\S*\//g, "")}`);
}

function balancerOf({ config, plugins: known }: LoadedConfig) {
  const [tunnel] = config.tunnels;
  assert.ok(tunnel);
  return createBalancers(config, { ...known, events: new Events() }).of(tunnel.backend);
}

describe("plugins", () => {
  it("are named like built-in balancers, with options that their own schema has checked", async () => {
    const loaded = await load(
      configuration("{ algorithm: canary, target: 'a:1', percent: 5 }", "canary.ts"),
      { "canary.ts": canaryModule },
    );
    assert.deepEqual(loaded.config.tunnels[0]?.backend.balance, {
      algorithm: "canary",
      options: { target: "a:1", percent: 5 },
    });
    assert.match(loaded.config.plugins?.[0] ?? "", /\/canary\.ts$/);
  });

  it("have errors in their options told like all others", async () => {
    const modules = { "canary.ts": canaryModule };
    assert.deepEqual(
      await errorsOf(configuration("{ algorithm: canary, percent: 101, targt: x }", "canary.ts"), modules),
      [
        "tunnels.web.backend.balance.percent: must be at most 100",
        'tunnels.web.backend.balance.targt: unknown key "targt"; did you mean "target"?',
      ],
    );
    assert.deepEqual(await errorsOf(configuration("canary", "canary.ts"), modules), [
      "tunnels.web.backend.balance: canary has options; write { algorithm: canary, … }",
    ]);
  });

  it("need no import, and no options", async () => {
    const loaded = await load(configuration("last", "last.js"), { "last.js": lastModule });
    const targets = targetsOf(1, 1, 1);
    assert.equal(balancerOf(loaded).pick(targets, sessionFrom()), targets[2]);
    assert.deepEqual(
      await errorsOf(configuration("{ algorithm: last, depth: 1 }", "last.js"), { "last.js": lastModule }),
      ['tunnels.web.backend.balance.depth: unknown key "depth"; known here: algorithm'],
    );
  });

  it("keep `this`, transforms of their options, and options that are not strict by themselves", async () => {
    const module = `
      import { z } from "equilibria-tunnel";
      export const backwards = {
        name: "nth",
        offset: 1,
        options: z.object({ n: z.number().transform((n) => n + 10) }).refine(({ n }) => n > 10, "n is too small"),
        create({ n }) { const at = n - 10 - this.offset; return { pick: (list) => list[at] }; },
      };`;
    const loaded = await load(configuration("{ algorithm: nth, n: 2 }", "nth.mjs"), { "nth.mjs": module });
    const targets = targetsOf(1, 1, 1);
    assert.equal(balancerOf(loaded).pick(targets, sessionFrom()), targets[1]);
    assert.deepEqual(
      await errorsOf(configuration("{ algorithm: nth, n: -1 }", "nth.mjs"), { "nth.mjs": module }),
      ["tunnels.web.backend.balance: n is too small"],
    );
    const unknown = await errorsOf(configuration("{ algorithm: nth, n: 1, m: 1 }", "nth.mjs"), {
      "nth.mjs": module,
    });
    assert.match(unknown.join(), /unknown key "m"/);
  });

  it("are wrong in many ways, all told at once, at their place", async () => {
    const modules = {
      "folder.js/x": "",
      "text.txt": "",
      "syntax.js": "export default {,",
      "types.ts": "enum Colour { Red }\nexport default Colour;",
      "throws.ts": 'type A = 1;\nthrow new Error("no licence");',
      "imports.ts": 'import "./not-there.ts";',
      "nothing.js": "export const x = 1;",
      "unnamed.js": "export default { create() {} };",
      "named.js": 'export default { name: "Uneven Name", create() {} };',
      "idle.js": 'export default { name: "idle" };',
      "options.js": 'export default { name: "opt", options: { a: 1 }, create() {} };',
      "algorithm.ts":
        'import { z } from "equilibria-tunnel"; export default { name: "algo", options: z.object({ algorithm: z.string() }), create() {} };',
      "twin.js": 'export default { name: "random", create() {} };',
      "last.js": lastModule,
    };
    const files = ["not-there.js", "folder.js", ...Object.keys(modules).slice(1), "last.js"];
    assert.deepEqual(await errorsOf(configuration("last", ...files), modules), [
      "plugins[0]: there is no file not-there.js",
      "plugins[1]: folder.js is a folder, not a file",
      "plugins[2]: text.txt is no module; a name of one ends in .ts, .mts, .js or .mjs",
      "plugins[3]: syntax.js cannot be loaded: Unexpected token ','",
      "plugins[4]: types.ts cannot be loaded: TypeScript enum is not supported in strip-only mode",
      "plugins[5]: throws.ts cannot be loaded: no licence (throws.ts:2:7)",
      "plugins[6]: imports.ts cannot be loaded: Cannot find module 'not-there.ts' imported from imports.ts",
      "plugins[7]: nothing.js exports no plugin; write export default { name, create() { … } }",
      'plugins[8]: unnamed.js: a plugin has a "name" of lower case, digits and hyphens',
      'plugins[9]: named.js: a plugin has a "name" of lower case, digits and hyphens',
      'plugins[10]: idle.js: plugin idle has no function "create"',
      'plugins[11]: options.js: the "options" of plugin opt must be a z.strictObject({ … }), or be left out',
      'plugins[12]: algorithm.ts: plugin algo cannot have an option "algorithm": it is where the balancer is named',
      "plugins[13]: the name random is taken by a balancer that comes with the program",
      "plugins[15]: the name last is taken by last.js",
    ]);
  });

  it("do not hide other errors, nor errors of the list itself", async () => {
    const errors = await errorsOf(
      "plugins: [ 1, gone.js ]\ntunnels: { web: { frontend: 80, backend: 80, x: 1 } }\n",
    );
    assert.deepEqual(
      errors.map((error) => error.split(":")[0]),
      ["plugins[0]", "plugins[1]", "tunnels.web.x"],
    );
  });

  it("that cannot make their balancer are errors where the balancer is named", async () => {
    for (const [body, message] of [
      ['throw new Error("no licence")', /^plugin bad: no licence \(bad\.js:\d+:\d+\)$/],
      ["return 5", /^plugin bad: create returned no object with a function "pick"$/],
      ["return Promise.resolve({ pick() {} })", /^plugin bad: create returned no object/],
    ] as const) {
      const module = `export default { name: "bad", create() { ${body} } };`;
      const loaded = await load(configuration("bad", "bad.js"), { "bad.js": module });
      assert.throws(
        () => balancerOf(loaded),
        (error) => {
          assert.ok(error instanceof MaterialFaults);
          assert.deepEqual(error.faults[0]?.path, ["tunnels", "web", "backend", "balance"]);
          assert.match(error.faults[0]?.message ?? "", message);
          return true;
        },
      );
    }
  });

  it("are imported anew when they have changed, and only then", async () => {
    const version = (number: number) =>
      `let count = 0;\nexport default { name: "v", create: () => ({ pick: (list) => list[${number}], count: ++count }) };`;
    using files = writeFiles({ "tunnels.yaml": configuration("v", "v.js"), "v.js": version(0) });
    const targets = targetsOf(1, 1, 1);
    const picked = async () => {
      const loaded = await loadWithPlugins({ file: files.path("tunnels.yaml") }, { env: {}, ...plugins });
      return targets.indexOf(balancerOf(loaded).pick(targets, sessionFrom()) as (typeof targets)[0]);
    };
    assert.equal(await picked(), 0);
    assert.equal(await picked(), 0);
    writeFileSync(files.path("v.js"), version(2));
    assert.equal(await picked(), 2);
    writeFileSync(files.path("v.js"), "export default {");
    await assert.rejects(picked, ConfigError);
    writeFileSync(files.path("v.js"), version(1));
    assert.equal(await picked(), 1);
  });
});
