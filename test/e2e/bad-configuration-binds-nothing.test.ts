// A proxy that starts with half of its tunnels is worse than one that does not start: with any error in the
// configuration nothing is bound, the exit is 78, and all errors are said at once, by a run as by `check`.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "node:test";
import { goldenConfigurations } from "../support/golden-configuration.ts";

const cli = join(import.meta.dirname, "../../src/cli.ts");

interface Ended {
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  /** Standard output and error. */
  readonly text: string;
}

/** Runs the program with these variables and no others: what a file substitutes must not depend on the machine. */
function program(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const { PATH = "", NODE_COMPILE_CACHE } = process.env;
  const env = { PATH, ...(NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }), ...variables };
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, ...args], { env, timeout: 30_000 }, (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, stdout, text: stdout + stderr }),
    );
  });
}

describe("a bad configuration", { concurrency: 4 }, () => {
  for (const golden of goldenConfigurations().filter(({ isBad }) => isBad))
    it(`does not start: ${golden.name.replaceAll("-", " ")}`, async () => {
      using given = golden.layOut();
      const args = given.specs.length > 0 ? ["--", ...given.specs] : ["-c", given.file];
      const { code, stdout, text } = await program(args, given.env);
      assert.equal(code, 78);
      // not even a log record: nothing was ready
      assert.equal(stdout, "");
      assert.equal(given.portable(text), golden.expected);
    });
});

describe("check", () => {
  it("says that a configuration is fine, and how many tunnels it has", async () => {
    const golden = goldenConfigurations().find(({ name }) => name === "backend-shared-by-name");
    using given = golden?.layOut();
    assert.ok(given);
    const { code, text } = await program(["check", "-c", given.file]);
    assert.deepEqual([code, text], [0, `${given.file}: ok, 2 tunnels\n`]);
    const specs = await program(["check", "8080:10.0.0.1:80"]);
    assert.deepEqual([specs.code, specs.text], [0, "command line: ok, 1 tunnel\n"]);
  });

  it("reports what a run would, with the same exit code", async () => {
    const golden = goldenConfigurations().find(({ name }) => name === "bad-several-errors-everywhere");
    using given = golden?.layOut();
    assert.ok(golden && given);
    const { code, stdout, text } = await program(["check", "-c", given.file]);
    assert.deepEqual([code, stdout, given.portable(text)], [78, "", golden.expected]);
  });

  it("ends with 66 when there is no such file, and with 64 when it is given none", async () => {
    const missing = await program(["check", "-c", "/nowhere/tunnels.yaml"]);
    assert.deepEqual([missing.code, missing.text], [66, "/nowhere/tunnels.yaml: there is no such file\n"]);
    assert.equal((await program(["check"])).code, 64);
  });
});

describe("schema", () => {
  it("prints the JSON Schema of the configuration", async () => {
    const { code, stdout } = await program(["schema"]);
    const schema = JSON.parse(stdout);
    assert.equal(code, 0);
    assert.equal(schema.$schema, "https://json-schema.org/draft/2020-12/schema");
    assert.ok(schema.properties.tunnels.patternProperties);
  });
});
