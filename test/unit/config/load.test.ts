// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are what is tested
// The golden files show what is said; here is what must hold for every input, and what a text file cannot show:
// bytes that are no text, files too large to read, what is frozen, how long hostile input takes.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import fc from "fast-check";
import { z } from "zod";
import { ConfigError, InputError, loadConfig } from "../../../src/config/load.ts";
import { plugins } from "../../../src/config/plugins.ts";
import type { Balancer } from "../../../src/core/backend.ts";
import { definePlugin } from "../../../src/core/plugin.ts";

const golden = join(import.meta.dirname, "../../golden/config");
const smallest = "tunnels: { web: { frontend: 8080, backend: 80 } }\n";

describe("loadConfig", () => {
  let dir: string;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), "load-"));
  });
  after(() => rmSync(dir, { recursive: true }));

  function load(content: string | Uint8Array, env: Record<string, string> = {}) {
    const file = join(dir, "tunnels.yaml");
    writeFileSync(file, content);
    return loadConfig({ file }, { env, ...plugins });
  }

  function errorsOf(content: string | Uint8Array, env: Record<string, string> = {}): ConfigError {
    try {
      load(content, env);
    } catch (error) {
      if (error instanceof ConfigError) return error;
      throw error;
    }
    assert.fail("accepted");
  }

  it("says that the file is missing, or is a folder, in an error of its own", () => {
    const missing = join(dir, "none.yaml");
    assert.throws(() => loadConfig({ file: missing }, { env: {}, ...plugins }), {
      name: "InputError",
      message: `${missing}: there is no such file`,
    });
    assert.throws(() => loadConfig({ file: dir }, { env: {}, ...plugins }), InputError);
  });

  it("refuses a file of more than 1 MiB without parsing it", () => {
    const error = errorsOf(`${smallest}# ${"x".repeat(1024 * 1024)}\n`);
    assert.match(error.message, /larger than 1 MiB; split it/);
  });

  it("refuses what is not UTF-8", () => {
    assert.match(errorsOf(Buffer.from("# caf\xe9\n", "latin1")).message, /not UTF-8/);
  });

  it("takes a byte order mark and Windows line ends for what they are", () => {
    assert.equal(load(`\ufeff${smallest.replaceAll("\n", "\r\n")}`).tunnels.length, 1);
    const [diagnostic] = errorsOf("tunnels:\r\n  web: 5\r\n").diagnostics;
    assert.deepEqual(
      [diagnostic?.line, diagnostic?.column, diagnostic?.frame],
      [2, 8, "  2 |   web: 5\n    |        ^"],
    );
  });

  it("counts columns in characters, not in UTF-16 units", () => {
    const [diagnostic] = errorsOf(`log: { "🚇": 1 }\n${smallest}`).diagnostics;
    assert.equal(diagnostic?.column, 8);
    const [behind] = errorsOf('tunnels: { "🚇": { frontend: 1, backend: 80, x: 1 } }\n').diagnostics.slice(
      -1,
    );
    assert.equal(behind?.column, 45);
  });

  it("freezes the configuration to the last value", () => {
    const config = load("tunnels: { web: { frontend: { listen: [8080] }, backend: [80] } }\n");
    const walk = (value: unknown): void => {
      if (typeof value !== "object" || value === null) return;
      assert.ok(Object.isFrozen(value));
      Object.values(value).forEach(walk);
    };
    walk(config);
  });

  it("leaves Object.prototype alone whatever the keys are", () => {
    errorsOf(`${smallest}__proto__: { polluted: 1 }\n"constructor": { prototype: { polluted: 1 } }\n`);
    assert.equal(Reflect.get({}, "polluted"), undefined);
  });

  it("names the balancers that it was given, with their options", () => {
    const sticky = definePlugin<Balancer, z.ZodObject>({
      name: "sticky",
      options: z.strictObject({ key: z.enum(["client", "server-name"]) }),
      create: () => assert.fail("nothing is created by loading"),
    });
    const file = join(dir, "sticky.yaml");
    const read = (balance: string) => {
      writeFileSync(
        file,
        `tunnels: { web: { frontend: 8080, backend: { targets: [80], balance: ${balance} } } }\n`,
      );
      return loadConfig({ file }, { env: {}, ...plugins, balancers: [...plugins.balancers, sticky] })
        .tunnels[0]?.backend.balance;
    };
    assert.deepEqual(read("{ algorithm: sticky, key: client }"), {
      algorithm: "sticky",
      options: { key: "client" },
    });
    assert.throws(() => read("sticky"), /sticky has options; write \{ algorithm: sticky, … \}/);
    assert.throws(() => read("{ algorithm: sticky }"), /"key" is missing; give one of client, server-name/);
    assert.throws(
      () => read("{ algorithm: sticky, kee: client }"),
      /unknown key "kee"; did you mean "key"\?/,
    );
    assert.throws(() => read("{ algorithm: stiky, key: client }"), /did you mean "sticky"\?/);
  });

  it("ends on input that was made to take long", () => {
    const hostile = [
      "[".repeat(500_000),
      "- ".repeat(500_000),
      "? ".repeat(500_000),
      "a: ".repeat(300_000),
      "{a: ".repeat(100_000),
      `${"&a ".repeat(300_000)}b`,
      `x: &a 1\ny: [${"*a,".repeat(300_000)}]`,
      `tunnels:\n${Array.from({ length: 1200 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n")}`,
      Array.from({ length: 60_000 }, (_, index) => `k${index}: 1`).join("\n"),
      `"${"${A}".repeat(200_000)}"`,
      `a: "${"${".repeat(400_000)}"`,
    ];
    // each of them would take hours if it were read naively; the runner's time limit ends a vain wait
    for (const text of hostile) assert.notEqual(errorsOf(text, { A: "a" }), undefined);
  });

  it("throws nothing but ConfigError, whatever the file holds", () => {
    const known = readdirSync(golden).map(
      (name) => readFileSync(join(golden, name), "utf8").split(/^(---|===)/m)[0] ?? "",
    );
    const word = fc.constantFrom(
      ..."tunnels web frontend backend listen targets tls cert balance log level include defaults timeouts idle".split(
        " ",
      ),
      ...[
        "__proto__",
        "<<",
        "*a",
        "&a",
        "!!str",
        "${A}",
        "$${",
        "${",
        "8080",
        "5s",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "- ",
        "|",
        ">",
      ],
      ...[
        "\n",
        "\n  ",
        "\n    ",
        " ",
        "\t",
        "'",
        '"',
        "#",
        "%",
        "---",
        "...",
        "?",
        "~",
        "null",
        "unix:",
        "\0",
        "\ufeff",
        "\u2028",
      ],
    );
    const noise = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.array(word, { maxLength: 60 }).map((words) => words.join("")),
    );
    const mutated = fc
      .tuple(fc.constantFrom(...known), fc.nat(), fc.nat({ max: 20 }), fc.array(word, { maxLength: 5 }))
      .map(([text, at, length, words]) => {
        const start = at % (text.length + 1);
        return text.slice(0, start) + words.join("") + text.slice(start + length);
      });
    const data = fc.json();
    fc.assert(
      fc.property(fc.oneof(noise, mutated, data), (text) => {
        try {
          load(text, { A: "[a" });
        } catch (error) {
          assert.ok(error instanceof ConfigError, String(error));
          assert.ok(error.diagnostics.length > 0, "an error that says nothing");
          for (const { line, column, message } of error.diagnostics) {
            assert.ok(line >= 1 && column >= 1);
            assert.doesNotMatch(message, /Invalid input|undefined|\[object|something else/);
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it("finds included files beside the file that names them, wherever it was started", () => {
    mkdirSync(join(dir, "conf.d"), { recursive: true });
    writeFileSync(
      join(dir, "conf.d/more.yaml"),
      "tunnels: { more: { frontend: 'unix:more.sock', backend: 81 } }\n",
    );
    const { tunnels } = load(`include: [conf.d/*.yaml]\n${smallest}`);
    assert.deepEqual(tunnels[1]?.frontend.listen, [{ kind: "unix", path: join(dir, "conf.d/more.sock") }]);
  });
});
