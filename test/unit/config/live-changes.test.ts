// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the file sees them before they are replaced
// A file with live changes over it must be read as if one file had it all: with the same errors, at their place, and with
// nothing in it that the environment has filled in.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { amend } from "../../../src/config/amend.ts";
import { ConfigError, type LoadedConfig, loadWithPlaces } from "../../../src/config/load.ts";
import type { Overlay } from "../../../src/config/overlay.ts";
import { plugins } from "../../../src/config/plugins.ts";
import type { ConfigChange } from "../../../src/core/control.ts";
import { writeFiles } from "../../support/certificates.ts";

const files = {
  "tunnels.yaml": `include: [ conf.d/*.yaml ]
admin: { socket: run/c.sock }
tunnels:
  first: { frontend: 127.0.0.1:1001, backend: "127.0.0.1:\${PORT}" }
  last: { frontend: 127.0.0.1:1003, backend: db }
backends:
  db: { targets: [ { address: 10.0.0.1:1, weight: 2 } ] }
`,
  "conf.d/inc.yaml": `tunnels:
  inc:
    frontend:
      listen: unix:inc.sock
      limits:
        connections: \${MANY:-7}
    backend:
      targets: [ 10.0.0.2:1 ]
      connect:
        attempts: \${TRIES}
`,
};
const env = { PORT: "1234", TRIES: "4", SECRET: "sesame" };

function setUp(given: Readonly<Record<string, string>> = {}) {
  const folder = writeFiles({ ...files, ...given });
  const loaded = loadWithPlaces({ file: folder.path("tunnels.yaml") }, { env, ...plugins });
  return { folder, loaded, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

function change(loaded: LoadedConfig, ...changes: ConfigChange[]): LoadedConfig {
  let overlay: Overlay = [];
  const { base, document } = loaded;
  for (const one of changes) overlay = amend({ base, document, overlay }, one, { at: "", by: "test" });
  return loaded.withOverlay(overlay);
}

function errorsOf(run: () => unknown, folder: string): string {
  try {
    run();
    return "none";
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message.replaceAll(folder, "");
  }
}

const names = ({ config }: LoadedConfig) => config.tunnels.map(({ name }) => name);

describe("a configuration with live changes", () => {
  it("is what one file would have, as it was written", () => {
    using made = setUp();
    assert.deepEqual(JSON.parse(JSON.stringify(made.loaded.document)), {
      admin: { socket: "run/c.sock" },
      tunnels: {
        first: { frontend: "127.0.0.1:1001", backend: "127.0.0.1:${PORT}" },
        last: { frontend: "127.0.0.1:1003", backend: "db" },
        inc: {
          frontend: { listen: "unix:inc.sock", limits: { connections: "${MANY:-7}" } },
          backend: { targets: ["10.0.0.2:1"], connect: { attempts: "${TRIES}" } },
        },
      },
      backends: { db: { targets: [{ address: "10.0.0.1:1", weight: 2 }] } },
    });
  });

  it("keeps its order, the folder of each file, and what the environment fills in", () => {
    using made = setUp();
    const next = change(
      made.loaded,
      { kind: "patch-tunnel", name: "inc", block: { frontend: { unixMode: "0660" } } },
      { kind: "patch-tunnel", name: "first", block: { backend: { balance: "random" } } },
      { kind: "put-tunnel", name: "new", block: { frontend: "unix:new.sock", backend: "127.0.0.1:${PORT}" } },
      { kind: "patch-target", tunnel: "last", key: "10.0.0.1:1", block: { weight: 9 } },
    );
    assert.deepEqual(names(next), ["first", "last", "inc", "new"]);
    assert.deepEqual([...next.changedTunnels].toSorted(), ["first", "inc", "new"]);
    const [first, last, inc, added] = next.config.tunnels;
    assert.deepEqual(first?.backend.targets[0]?.address, { kind: "tcp", host: "127.0.0.1", port: 1234 });
    assert.equal(last?.backend.targets[0]?.weight, 9);
    assert.deepEqual(inc?.frontend.listen, [{ kind: "unix", path: made.folder.path("conf.d/inc.sock") }]);
    assert.deepEqual([inc?.frontend.unixMode, inc?.backend.connect.attempts], [0o660, 4]);
    assert.deepEqual(added?.frontend.listen, [{ kind: "unix", path: made.folder.path("new.sock") }]);
    assert.doesNotMatch(JSON.stringify(next.document), /1234/);
    assert.deepEqual(names(next.withOverlay([])), ["first", "last", "inc"]);
  });

  it("may have lost all of its tunnels", () => {
    using made = setUp({ "conf.d/inc.yaml": "tunnels: {}\n" });
    const next = change(
      made.loaded,
      { kind: "delete-tunnel", name: "first" },
      { kind: "delete-tunnel", name: "last" },
    );
    assert.deepEqual(names(next), []);
  });

  it("has every error of the changes told with its line, and no secret in it", () => {
    using made = setUp({ "conf.d/inc.yaml": "tunnels: {}\n" });
    const block = {
      frontend: { listen: "127.0.0.1:1001x", tls: { passphrase: ["${SECRET} word"], cret: 1 } },
      backend: { targets: ["10.0.0.3:${NONE}"], balance: "robin" },
    };
    const text = errorsOf(
      () => change(made.loaded, { kind: "put-tunnel", name: "bad", block }),
      made.folder.dir,
    );
    for (const part of [
      'live change tunnels/bad:4:15: tunnels.bad.frontend.listen: "127.0.0.1:1001x"',
      'tunnels.bad.frontend.tls.cret: unknown key "cret"; did you mean "cert"?',
      "the environment variable NONE is not set",
      'tunnels.bad.backend.balance: unknown value "robin"',
    ])
      assert.ok(text.includes(part), `${part}\n${text}`);
    assert.doesNotMatch(text, /sesame|word/);
  });

  it("clashes with a file as two files do", () => {
    using made = setUp({ "conf.d/inc.yaml": "tunnels: {}\n" });
    const clash = { frontend: "127.0.0.1:1003", backend: 1 };
    assert.match(
      errorsOf(() => change(made.loaded, { kind: "put-tunnel", name: "new", block: clash }), made.folder.dir),
      /live change tunnels\/new:3:15: tunnels\.new\.frontend: tunnel last already listens on 127\.0\.0\.1:1003/,
    );
    const gone = { kind: "patch-config", block: { backends: { db: null } } } as const;
    assert.match(
      errorsOf(() => change(made.loaded, gone), made.folder.dir),
      /\/tunnels\.yaml:5:46: tunnels\.last\.backend: no backend "db" under backends/,
    );
  });

  it("has a fault of a file that shows only when it is used told at the change", () => {
    using made = setUp({ "conf.d/inc.yaml": "tunnels: {}\n" });
    const next = change(made.loaded, {
      ...{ kind: "patch-tunnel", name: "first" },
      block: { frontend: { timeouts: { idle: "1h" } } },
    });
    const error = next.errorFor([
      { path: ["tunnels", "first", "frontend", "timeouts"], message: "too long" },
    ]);
    assert.match(
      error.message,
      /^live change tunnels\/first:\d+:\d+: tunnels\.first\.frontend\.timeouts: too long/,
    );
  });
});
