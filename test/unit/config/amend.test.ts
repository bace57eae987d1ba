// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are what is tested
// A live change becomes an entry of the overlay, as short as can be; what the overlay makes of the files must be what the
// operator asked for, whatever was changed before.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { amend } from "../../../src/config/amend.ts";
import { AmendError } from "../../../src/config/amend-error.ts";
import { applyPatch, type Block, diffPatch, isSame } from "../../../src/config/merge-patch.ts";
import { type Base, type Overlay, overlaid, withoutEntries } from "../../../src/config/overlay.ts";
import { redact, restoreSecrets } from "../../../src/config/redact.ts";
import type { ConfigChange } from "../../../src/core/control.ts";

const context = {
  env: { PORT: "81" },
  resolvePath: (path: string) => `/etc/${path.replace(/^\/etc\//, "")}`,
};
const author = { at: "2026-01-01T00:00:00.000Z", by: "test" };

function baseOf(tunnels: Record<string, unknown>, backends: Record<string, unknown> = {}): Base {
  const map = (blocks: Record<string, unknown>) =>
    new Map(Object.entries(blocks).map(([name, block]) => [name, { ...context, block }]));
  return { tunnels: map(tunnels), backends: map(backends), context };
}

function change(base: Base, ...changes: ConfigChange[]): Overlay {
  let overlay: Overlay = [];
  for (const one of changes) overlay = amend({ base, overlay, document: { relay: "fast" } }, one, author);
  return overlay;
}

const brief = (overlay: Overlay) =>
  overlay.map(({ path, change: kind, value }) => [path, kind, JSON.parse(JSON.stringify(value))]);
const tunnel = (base: Base, overlay: Overlay, name = "web") =>
  JSON.parse(JSON.stringify(overlaid(base, overlay, { list: "tunnels", name }).block ?? null));
const refused = (kind: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof AmendError);
  assert.equal(error.kind, kind);
  assert.match(error.message, message);
  return true;
};

describe("a live change", () => {
  const base = baseOf({ web: { frontend: 80, backend: "127.0.0.1:${PORT}" } });

  it("is a patch of what the short forms stand for", () => {
    const overlay = change(base, {
      ...{ kind: "patch-tunnel", name: "web" },
      block: { frontend: { unixMode: "0600" }, backend: { balance: "random" } },
    });
    assert.deepEqual(brief(overlay), [
      ["tunnels/web", "patch", { frontend: { unixMode: "0600" }, backend: { balance: "random" } }],
    ]);
    assert.deepEqual(tunnel(base, overlay), {
      frontend: { listen: 80, unixMode: "0600" },
      backend: { targets: ["127.0.0.1:${PORT}"], balance: "random" },
    });
  });

  it("is nothing when it is what the file says, and gone when it is taken back", () => {
    const there = { kind: "patch-tunnel", name: "web", block: { backend: { balance: "random" } } } as const;
    const back = { kind: "patch-tunnel", name: "web", block: { backend: { balance: null } } } as const;
    assert.deepEqual(change(base, there, back), []);
    const same = {
      kind: "put-tunnel",
      name: "web",
      block: { frontend: 80, backend: "127.0.0.1:${PORT}" },
    } as const;
    assert.deepEqual(change(base, there, same), []);
    assert.deepEqual(change(base, { kind: "delete-tunnel", name: "web" }, same), []);
  });

  it("leaves nothing of what one patch removed and the next made anew", () => {
    const nested = baseOf({
      web: { frontend: { listen: 80, limits: { queue: 1, rate: "1/s" } }, backend: 81 },
    });
    const overlay = change(
      nested,
      { kind: "patch-tunnel", name: "web", block: { frontend: { limits: null } } },
      { kind: "patch-tunnel", name: "web", block: { frontend: { limits: { connections: 5 } } } },
    );
    assert.deepEqual(tunnel(nested, overlay).frontend, { listen: 80, limits: { connections: 5 } });
  });

  it("finds a target by what its address means, with the environment and the folder of its file", () => {
    const overlay = change(
      base,
      { kind: "patch-target", tunnel: "web", key: "127.0.0.1:81", block: { weight: 3 } },
      { kind: "put-target", tunnel: "web", key: "unix:run/x.sock", block: {} },
    );
    assert.deepEqual(brief(overlay), [
      ["tunnels/web/targets/127.0.0.1:81", "patch", { weight: 3 }],
      ["tunnels/web/targets/unix:/etc/run/x.sock", "put", { address: "unix:/etc/run/x.sock" }],
    ]);
    assert.deepEqual(tunnel(base, overlay).backend.targets, [
      { address: "127.0.0.1:${PORT}", weight: 3 },
      { address: "unix:/etc/run/x.sock" },
    ]);
    const without = change(
      base,
      { kind: "put-target", tunnel: "web", key: "10.0.0.1:80", block: { weight: 2 } },
      { kind: "patch-target", tunnel: "web", key: "10.0.0.1:80", block: { weight: null, priority: 1 } },
      { kind: "delete-target", tunnel: "web", key: "127.0.0.1:81" },
    );
    assert.deepEqual(tunnel(base, without).backend.targets, [{ address: "10.0.0.1:80", priority: 1 }]);
    assert.throws(
      () => change(base, { kind: "delete-target", tunnel: "web", key: "10.0.0.1:80" }),
      refused("unknown", /lists no target 10\.0\.0\.1:80/),
    );
  });

  it("of a target is over when a later one says which targets there are", () => {
    const add = { kind: "put-target", tunnel: "web", key: "10.0.0.1:80", block: {} } as const;
    const list = { kind: "patch-tunnel", name: "web", block: { backend: { targets: [82] } } } as const;
    assert.deepEqual(tunnel(base, change(base, add, list)).backend.targets, [82]);
    const other = { kind: "patch-tunnel", name: "web", block: { backend: { balance: "random" } } } as const;
    assert.equal(tunnel(base, change(base, add, other)).backend.targets.length, 2);
  });

  it("of a target of a shared backend is one of the backend", () => {
    const shared = baseOf({ web: { frontend: 80, backend: "db" } }, { db: ["10.0.0.1:80"] });
    const overlay = change(shared, { kind: "put-target", tunnel: "web", key: "10.0.0.2:80", block: {} });
    assert.deepEqual(brief(overlay), [
      ["backends/db/targets/10.0.0.2:80", "put", { address: "10.0.0.2:80" }],
    ]);
  });

  it("of the whole replaces, removes and adds; a patch of the whole leaves the rest alone", () => {
    const two = baseOf({ web: { frontend: 80, backend: 81 }, old: { frontend: 90, backend: 91 } });
    const next = { frontend: 70, backend: 71 };
    const put = change(two, {
      ...{ kind: "put-config" },
      block: { relay: "fast", tunnels: { web: { frontend: 80, backend: 81 }, next } },
    });
    assert.deepEqual(brief(put).toSorted(), [
      ["tunnels/next", "put", next],
      ["tunnels/old", "delete", null],
    ]);
    const patch = change(two, {
      ...{ kind: "patch-config" },
      block: { tunnels: { web: { frontend: { listen: 8 } }, next, old: null } },
    });
    assert.deepEqual(brief(patch), [
      ["tunnels/web", "patch", { frontend: { listen: 8 } }],
      ["tunnels/next", "put", next],
      ["tunnels/old", "delete", null],
    ]);
    assert.throws(
      () => change(two, { kind: "put-config", block: { relay: "stream" } }),
      refused("invalid", /relay: only tunnels and backends/),
    );
  });

  it("keeps a secret that was shown hidden, and takes no hidden one for a secret", () => {
    const secret = { frontend: { listen: 80, tls: { passphrase: "open sesame" } }, backend: 81 };
    const secured = baseOf({ web: secret });
    const shown = redact(secret);
    assert.doesNotMatch(JSON.stringify(shown), /sesame/);
    assert.deepEqual(change(secured, { kind: "put-tunnel", name: "web", block: shown }), []);
    assert.throws(
      () => change(secured, { kind: "put-tunnel", name: "new", block: shown }),
      refused("invalid", /tunnels\.new: frontend\.tls\.passphrase: \(hidden\) only stands for a secret/),
    );
    assert.deepEqual(redact({ passphrase: "${PASS}" }), { passphrase: "${PASS}" });
    assert.deepEqual(restoreSecrets(["(hidden)"], undefined), { block: ["(hidden)"] });
  });

  it("is taken back by its path, or with all others", () => {
    const overlay = change(
      base,
      { kind: "put-target", tunnel: "web", key: "10.0.0.1:80", block: {} },
      { kind: "put-tunnel", name: "new", block: {} },
    );
    assert.deepEqual(brief(withoutEntries(overlay, "tunnels/new")), [
      ["tunnels/web/targets/10.0.0.1:80", "put", { address: "10.0.0.1:80" }],
    ]);
    assert.deepEqual(withoutEntries(overlay, undefined), []);
    assert.throws(
      () => withoutEntries(overlay, "tunnels/web"),
      refused("unknown", /no change of "tunnels\/web"/),
    );
  });
});

describe("a merge patch", () => {
  // the examples of RFC 7396, appendix A
  const examples: [unknown, unknown, unknown][] = [
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ a: "b" }, ["c"], ["c"]],
    [{ a: "foo" }, null, null],
    [{ a: "foo" }, "bar", "bar"],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ];
  for (const [target, patch, result] of examples)
    it(`makes ${JSON.stringify(result)} of ${JSON.stringify(target)} and ${JSON.stringify(patch)}`, () => {
      assert.ok(isSame(applyPatch(target, patch), result));
    });

  it("that is the difference of two blocks makes one of the other", () => {
    const leaf = fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.array(fc.integer()));
    const { block } = fc.letrec<{ block: Block; value: unknown }>((tie) => ({
      block: fc.dictionary(fc.constantFrom("a", "b", "c"), tie("value")),
      value: fc.oneof({ maxDepth: 3 }, leaf, tie("block")),
    }));
    fc.assert(
      fc.property(block, block, (a, b) => isSame(applyPatch(a, diffPatch(a, b)), b)),
      { numRuns: 500 },
    );
  });
});
