// What a configuration becomes, and what is said about one that is wrong, is read by people: so it is kept as
// text that people can read. After a deliberate change: UPDATE_GOLDEN=1 node --test test/unit/config/golden.test.ts
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConfigError, loadConfig } from "../../../src/config/load.ts";
import { plugins } from "../../../src/config/plugins.ts";
import { goldenConfigurations, type LaidOut } from "../../support/golden-configuration.ts";

describe("the golden configurations", () => {
  const all = goldenConfigurations();

  for (const golden of all)
    it(golden.name.replaceAll("-", " "), () => {
      using given = golden.layOut();
      const actual = given.portable(`${outcome(given)}\n`);
      if (process.env["UPDATE_GOLDEN"] === "1") golden.update(actual);
      else assert.equal(actual, golden.expected);
    });

  it("hold at least 30 kinds of bad configuration", () => {
    const bad = all.filter((golden) => golden.isBad);
    assert.ok(bad.length >= 30, `${bad.length}`);
  });
});

function outcome({ file, specs, env }: LaidOut): string {
  const source = specs.length > 0 ? { specs } : { file };
  try {
    return JSON.stringify(loadConfig(source, { env, ...plugins }), null, 2);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}
