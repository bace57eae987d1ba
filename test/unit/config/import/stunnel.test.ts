// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are what is tested
// What becomes of a configuration of stunnel is read by people: so it is kept as text. After a deliberate change:
// UPDATE_GOLDEN=1 node --test test/unit/config/import/stunnel.test.ts
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { loadMaterial } from "../../../../src/app/material.ts";
import { importStunnel } from "../../../../src/config/import/stunnel/import-stunnel.ts";
import { stunnelOptions } from "../../../../src/config/import/stunnel/options.ts";
import { loadConfig } from "../../../../src/config/load.ts";
import { plugins } from "../../../../src/config/plugins.ts";
import { testAuthority, writeFiles } from "../../../support/certificates.ts";

const root = join(import.meta.dirname, "../../../..");
const folder = join(root, "test/golden/import");
const dashes = `${"-".repeat(10)}\n`;
const authority = testAuthority();
const server = authority.issue();
const client = authority.issue({ cn: "client", usage: "client" });

/** What the golden files name. */
const material = {
  "ca.crt": authority.cert,
  "ca.crt.authorities": authority.cert,
  "ca.crl": authority.crl([]),
  "crls/ca.crl": authority.crl([]),
  "authorities/all.pem": authority.cert,
  "server.crt": server.chain,
  "server.key": server.key,
  "server.pem": server.chain + server.key,
  "client.crt": client.chain,
  "client.key": client.key,
  "psk.txt": "alice:00112233445566778899aabbccddeeff\n",
  "behind-proxy.password": "secret\n",
};

const goldens = readdirSync(folder).map((file) => {
  const [given = "", expected = ""] = readFileSync(join(folder, file), "utf8").split(
    new RegExp(`^${dashes}`, "m"),
    2,
  );
  const [main = "", ...more] = given.split(/^=== (.*)\n/m);
  const included = Array.from({ length: more.length / 2 }, (_, index) => ({
    name: more[2 * index] ?? "",
    text: more[2 * index + 1] ?? "",
  }));
  return { file, given, main, included, expected };
});

function translate({ file, main, included }: (typeof goldens)[number]) {
  const source = file.replace(/txt$/, "conf");
  const readFolder = (name: string) => {
    const found = included.filter((one) => one.name.startsWith(`${name}/`));
    if (found.length === 0) throw new Error(`no folder ${name}`);
    return found.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  };
  return importStunnel(main, { source, readFolder });
}

describe("what is imported from stunnel", () => {
  for (const golden of goldens) {
    const name = golden.file.replace(/\.txt$/, "").replaceAll("-", " ");
    it(`${name}: as it is written down`, () => {
      const { yaml, refused } = translate(golden);
      const actual = yaml ?? `${refused.join("\n")}\n`;
      if (process.env["UPDATE_GOLDEN"] === "1")
        writeFileSync(join(folder, golden.file), golden.given + dashes + actual);
      else assert.equal(actual, golden.expected);
    });

    it(`${name}: a configuration that can be used, or none at all`, async (context) => {
      const { yaml } = translate(golden);
      assert.equal(yaml === undefined, golden.file.startsWith("bad-"));
      if (yaml === undefined) return;
      const yet = missingFeature(yaml);
      if (yet !== undefined) return context.skip(`${yet} is not there yet`);
      using files = writeFiles({ ...material, "tunnels.yaml": yaml });
      const config = loadConfig({ file: files.path("tunnels.yaml") }, { env: {}, ...plugins });
      await loadMaterial(config);
    });
  }

  it("covers every option that stunnel documents", () => {
    assert.equal(stunnelOptions.length, 98);
    assert.equal(new Set(stunnelOptions).size, 98);
    const given = goldens.map((golden) => golden.given).join("\n");
    const absent = stunnelOptions.filter((name) => !new RegExp(`^${name} *=`, "im").test(given));
    assert.deepEqual(absent, []);
  });

  it("says something about every line, or carries it over", () => {
    for (const { given, expected } of goldens)
      for (const name of stunnelOptions) {
        const isGiven = new RegExp(`^${name} *=`, "im").test(given);
        const fixed = /^(chroot|EGD|engine|exec|ident|sessiond|stack|pty|retry|local|libwrap|socket)$/.test(
          name,
        );
        if (isGiven && fixed)
          assert.match(expected, new RegExp(`\\b${name} = .*: not (carried over|needed): `));
      }
  });

  it("takes PKCS#12 files as such", () => {
    const { yaml = "" } = importStunnel("[a]\naccept = 1\nconnect = 2\ncert = own.p12\n", {
      source: "a",
      readFolder: () => [],
    });
    assert.match(yaml, /^ +pfx: own\.p12$/m);
  });

  it("takes nothing from the environment that stunnel would not", () => {
    const text = "[a]\naccept = 1\nconnect = 2\ncert = $${HOME}/${HOME}.pem\n";
    const { yaml = "" } = importStunnel(text, { source: "a", readFolder: () => [] });
    using files = writeFiles({ "tunnels.yaml": yaml });
    const load = () =>
      loadConfig({ file: files.path("tunnels.yaml") }, { env: { HOME: "root" }, ...plugins });
    assert.throws(load, (error: Error) => error.message.includes("/$${HOME}/${HOME}.pem;"));
  });

  it("is nothing where a line makes no sense, for stunnel would not start; each of them is named", () => {
    const text = "[a]\naccept = 1\nconnect 2\ninclude = more\n[b\n";
    const readFolder = () => [{ name: "more/b.conf", text: "\n= 3\n" }];
    assert.deepEqual(importStunnel(text, { source: "a", readFolder }), {
      yaml: undefined,
      refused: [],
      unreadable: [
        { file: undefined, line: 3 },
        { file: "more/b.conf", line: 2 },
        { file: undefined, line: 5 },
      ],
    });
  });

  it("repeats no secret", () => {
    for (const { expected } of goldens) assert.doesNotMatch(expected, /= secret|00112233|PIN:1234|pin=1234/);
  });

  it("keeps foreign text within its comment and its value", () => {
    const { yaml = "" } = importStunnel(
      "[a]\naccept = 1\nconnect = 2\ncert = c\nlogId = x\u2028y: z\u0007\nlocal = a\u0085b\n",
      { source: "a\nb: c", readFolder: () => [] },
    );
    for (const line of yaml.split(/[\n\u0085\u2028]/))
      assert.match(
        line,
        /^( *#| *$| *(defaults|timeouts|idle|tunnels|a|frontend|backend|listen|targets|tls|cert|key):)/,
      );
  });
});

/** A key that other parts of the program are to bring: tried as soon as the schema knows it. */
function missingFeature(yaml: string): string | undefined {
  const schema = readFileSync(join(root, "config/schema.json"), "utf8");
  const keys = ["routes", "negotiate", "destination"];
  return keys.find((key) => new RegExp(`^ *${key}:`, "m").test(yaml) && !schema.includes(`"${key}":`));
}
