// The direction of imports is what keeps the parts separable, and no type checker or linter sees it: a script
// that quietly accepted everything would look just like a clean tree. So each rule has a tree that breaks it.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";

const script = join(import.meta.dirname, "../../../scripts/check-layers.ts");

test("says in one line that a tree is clean", () => {
  const { stdout } = check({ "src/core/a.ts": "" });
  assert.equal(stdout, "layers: 1 files, every import points downwards\n");
});

test("accepts the own folder, earlier groups, packages and everything from the top files", () => {
  const result = check({
    "src/core/a.ts": 'import { b } from "./b.ts";\nimport { readFileSync } from "node:fs";\n',
    "src/core/b.ts": 'import { z } from "zod";\nexport * as c from "./a.ts";\n',
    "src/backend/balancers/random.ts":
      'import { p } from "../pick.ts";\nimport { a } from "../../core/a.ts";\n',
    "src/pki/ca.ts": 'import forge from "node-forge";\n',
    "src/tls/pkcs12.ts": 'import forge from "node-forge";\n',
    "src/net/reset.ts": "socket.resetAndDestroy();\n",
    "src/cli.ts": 'import { main } from "./cli/main.ts";\nimport { start } from "./index.ts";\n',
    "src/core/full.ts": "//\n".repeat(250),
  });
  assert.deepEqual(result.faults, []);
  assert.equal(result.status, 0);
});

test("ignores what only a comment says", () => {
  const result = check({
    "src/core/a.ts":
      '// import "../app/x.ts"\n/**\n * See `import("../app/x.ts")`; never call x.resetAndDestroy().\n */\n',
  });
  assert.deepEqual(result.faults, []);
  assert.equal(result.status, 0);
});

interface Rule {
  readonly name: string;
  readonly file?: string;
  readonly text: string;
  readonly fault: RegExp;
}

const rules: readonly Rule[] = [
  {
    name: "an import to the right",
    text: 'import type { A } from "../app/run.ts";\n',
    fault: /^src\/tls\/x\.ts:1: tls must not import app \(\.\.\/app\/run\.ts\)$/,
  },
  {
    name: "an import from a sibling of the same group",
    file: "src/backend/health/tcp.ts",
    text: '\nimport { a } from "../../frontend/a.ts";\n',
    fault: /^src\/backend\/health\/tcp\.ts:2: backend must not import frontend /,
  },
  {
    name: "an import over several lines",
    text: 'import {\n  a,\n  b,\n} from "../app/run.ts";\n',
    fault: /^src\/tls\/x\.ts:4: tls must not import app /,
  },
  {
    name: "a re-export",
    text: 'export { a } from "../app/run.ts";\n',
    fault: /:1: tls must not import app /,
  },
  { name: "a bare import", text: 'import "../app/run.ts";\n', fault: /:1: tls must not import app / },
  {
    name: "a dynamic import",
    text: 'const a = await import("../app/run.ts");\n',
    fault: /:1: tls must not import app /,
  },
  { name: "a top file", text: 'import { start } from "../index.ts";\n', fault: /is above every layer$/ },
  { name: "a way out of src", text: 'import { t } from "../../test/t.ts";\n', fault: /leaves src$/ },
  { name: "a missing extension", text: 'import { a } from "./a";\n', fault: /:1: "\.\/a" must end in \.ts$/ },
  { name: "a bare built-in", text: 'import { join } from "path";\n', fault: /:1: write "node:path"$/ },
  { name: "node-forge", text: 'import forge from "node-forge";\n', fault: /:1: node-forge only in src\/pki/ },
  {
    name: "a part of node-forge",
    text: 'import a from "node-forge/lib/asn1.js";\n',
    fault: /node-forge only/,
  },
  {
    name: "a direct reset",
    text: "\nsocket.resetAndDestroy();\n",
    fault: /:2: resetAndDestroy\(\) only inside/,
  },
  { name: "251 lines", text: "//\n".repeat(251), fault: /:251: 251 lines, split it at 250$/ },
  {
    name: "an index below src",
    file: "src/tls/index.ts",
    text: "",
    fault: /index\.ts belongs only at the top/,
  },
  { name: "a stray file in src", file: "src/main.ts", text: "", fault: /only index\.ts and cli\.ts belong/ },
  { name: "an unknown folder", file: "src/misc/a.ts", text: "", fault: /the folder misc has no place/ },
  { name: "an empty folder name", file: "src/tls/utils/pem.ts", text: "", fault: /"utils" says nothing/ },
  ...["utils", "helpers", "common", "shared", "types"].map((name) => ({
    name: `the name ${name}.ts`,
    file: `src/tls/${name}.ts`,
    text: "",
    fault: new RegExp(`:1: "${name}\\.ts" says nothing`),
  })),
];

describe("refuses", () => {
  for (const { name, file = "src/tls/x.ts", text, fault } of rules) {
    test(name, () => {
      const { faults, status } = check({ [file]: text });
      assert.equal(faults.length, 1, faults.join("\n"));
      assert.match(faults[0] ?? "", fault);
      assert.equal(status, 1);
    });
  }
});

test("names every fault of every file in one run", () => {
  const { faults } = check({
    "src/core/a.ts": 'import "fs";\nimport "../net/b.ts";\n',
    "src/net/b.ts": 'import "../telemetry/log.ts";\n',
  });
  assert.deepEqual(
    faults.map((fault) => fault.split(": ")[0]),
    ["src/core/a.ts:1", "src/core/a.ts:2", "src/net/b.ts:1"],
  );
});

function check(files: Readonly<Record<string, string>>) {
  const root = mkdtempSync(join(tmpdir(), "equilibria-layers-"));
  try {
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(join(root, dirname(file)), { recursive: true });
      writeFileSync(join(root, file), text);
    }
    const { stdout, stderr, status } = spawnSync(process.execPath, [script, root], { encoding: "utf8" });
    return { faults: stderr.split("\n").filter((line) => line !== ""), status, stdout };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
