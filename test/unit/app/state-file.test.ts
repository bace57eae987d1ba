// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are what is tested
// The state file holds what operators have changed: it must be whole or say that it is not, whatever happens to it.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { readState, StateError, writeState } from "../../../src/app/state-file.ts";
import type { OverlayEntry } from "../../../src/core/control.ts";
import { writeFiles } from "../../support/certificates.ts";

const entry: OverlayEntry = {
  ...{ path: "tunnels/web", change: "put", value: { frontend: 80, backend: "${A}" } },
  ...{ at: "2026-01-01T00:00:00.000Z", by: "ops (127.0.0.1:1)" },
};

describe("the state file", () => {
  it("gives back what was written, is its owner's alone, and leaves nothing beside it", async () => {
    using folder = writeFiles({});
    const file = folder.path("run/state.json");
    assert.deepEqual(await readState(file), []);
    await writeState(file, [entry]);
    await writeState(file, [
      entry,
      { ...entry, change: "delete", path: "tunnels/b", value: null, by: undefined },
    ]);
    assert.deepEqual(await readState(file), [
      entry,
      { ...entry, change: "delete", path: "tunnels/b", value: null, by: undefined },
    ]);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(folder.path("run")).mode & 0o777, 0o700);
    assert.deepEqual(readdirSync(folder.path("run")), ["state.json"]);
  });

  it("is not believed when it is damaged, of another version, or something else", async () => {
    using folder = writeFiles({ "state.json": "" });
    const file = folder.path("state.json");
    await writeState(file, [entry]);
    const whole = readFileSync(file, "utf8");
    for (const text of [
      "",
      "{}",
      whole.slice(0, -10),
      whole.replace("put", "pot"),
      whole.replace("tunnels/", "../"),
      "tunnels: {}",
    ]) {
      writeFileSync(file, text);
      await assert.rejects(readState(file), (error) => {
        assert.ok(error instanceof StateError);
        assert.match(error.message, /is damaged, or no state file; move it away \(mv /);
        return true;
      });
    }
    writeFileSync(file, whole.replace('"version": 1', '"version": 2'));
    await assert.rejects(readState(file), /is of version 2; this program knows version 1/);
    await assert.rejects(readState(folder.path(".")), /cannot be read: EISDIR/);
  });

  it("stays as it was when it cannot be written", async () => {
    using folder = writeFiles({ run: "a file where a folder should be" });
    await assert.rejects(writeState(folder.path("run/state.json"), []), (error) => {
      assert.ok(error instanceof StateError);
      assert.match(error.message, /run\/state\.json cannot be written: /);
      return true;
    });
  });
});
