// Equilibrium hashed a client's address together with its port, so that nobody ever came back to the same backend.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { askOnce, startNamedTargets } from "../support/dialogs.ts";
import { startInstance } from "../support/instance.ts";

const clients = Array.from({ length: 24 }, (_, index) => `127.0.0.${index + 1}`);

suite("consistent-hash", () => {
  test("a client comes back to its target, and only those of a target that is lost move", async () => {
    await using targets = await startNamedTargets(3);
    const ports = targets.map(({ port }) => port).join(", ");
    await using instance = await startInstance(
      `tunnels: { web: { frontend: "127.0.0.1:0", backend: { targets: [${ports}], balance: consistent-hash } } }\n`,
    );
    const askAll = () => Promise.all(clients.map((from) => askOnce(instance.port("web"), from)));
    const first = await askAll();
    assert.deepEqual(await askAll(), first);
    const lost = first[0];
    await targets.find((_, index) => lost === `target-${index + 1}`)?.stop();
    const after = await askAll();
    for (const [index, target] of first.entries())
      if (target === lost) assert.notEqual(after[index], lost);
      else assert.equal(after[index], target);
    assert.deepEqual(await askAll(), after);
  });
});
