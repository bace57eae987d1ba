// What an operator takes back is often one word about one target: what is said of it must be neither empty nor too much.
import assert from "node:assert/strict";
import { test } from "node:test";
import { targetChanges } from "../../../src/app/target-changes.ts";
import { loadConfig } from "../../../src/config/load.ts";
import type { Overlay } from "../../../src/config/overlay.ts";
import { plugins } from "../../../src/config/plugins.ts";
import { writeFiles } from "../../support/certificates.ts";

const backends = (db: string) => `tunnels:
  one: { frontend: 127.0.0.1:1001, backend: db }
  two: { frontend: 127.0.0.1:1002, backend: db }
  found: { frontend: 127.0.0.1:1003, backend: { discover: { dns: { name: db.internal, port: 5432 } } } }
backends:
  db: { targets: ${db} }
`;

function configOf(yaml: string) {
  using folder = writeFiles({ "tunnels.yaml": yaml });
  return loadConfig({ file: folder.path("tunnels.yaml") }, { env: {}, ...plugins });
}

const word = (tunnel: string, key: string, value: object): Overlay => [
  { path: `tunnels/${tunnel}/targets/${key}`, change: "target", value, at: "", by: undefined },
];

test("a word about a target of a shared backend is told once", () => {
  const config = configOf(backends("[ { address: 10.0.0.1:1, weight: 2 }, 10.0.0.2:1 ]"));
  const overlay = word("two", "10.0.0.1:1", { weight: 5, admin: "draining" });
  assert.deepEqual(targetChanges({ config, overlay }, { config, overlay: [] }), [
    {
      backend: "db",
      target: "10.0.0.1:1",
      changes: [
        { setting: "admin", before: "draining", next: "enabled" },
        { setting: "weight", before: 5, next: 2 },
      ],
    },
  ]);
});

test("what the file says of a target whose weight the operator has set changes nothing yet", () => {
  const overlay = word("one", "10.0.0.1:1", { weight: 5 });
  const before = configOf(backends("[ { address: 10.0.0.1:1, weight: 2 }, 10.0.0.2:1 ]"));
  const next = configOf(backends("[ { address: 10.0.0.1:1, weight: 3, maxConnections: 9 }, 10.0.0.3:1 ]"));
  assert.deepEqual(targetChanges({ config: before, overlay }, { config: next, overlay }), [
    {
      backend: "db",
      target: "10.0.0.1:1",
      changes: [{ setting: "maxConnections", before: null, next: 9 }],
    },
  ]);
});

test("a target that was discovered gets its own weight back, whatever that is", () => {
  const config = configOf(backends("[ 10.0.0.1:1 ]"));
  const overlay = word("found", "10.0.0.9:5432", { weight: 5 });
  assert.deepEqual(targetChanges({ config, overlay }, { config, overlay: [] }), [
    {
      backend: "found",
      target: "10.0.0.9:5432",
      changes: [{ setting: "weight", before: 5, next: null }],
    },
  ]);
});
