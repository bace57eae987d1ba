// The test of mini-balancer's round robin, against this program: six selections from three backends.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { askInTurn, startAnswering } from "../../support/dialogs.ts";
import { startInstance } from "../../support/instance.ts";

suite("mini-balancer", () => {
  test("round robin over three backends selects a, b, c, a, b, c", async () => {
    await using a = await startAnswering(() => "a");
    await using b = await startAnswering(() => "b");
    await using c = await startAnswering(() => "c");
    await using instance = await startInstance(
      `tunnels: { web: { frontend: "127.0.0.1:0", backend: [${a.port}, ${b.port}, ${c.port}] } }\n`,
    );
    assert.deepEqual(await askInTurn(instance.port("web"), 6), ["a", "b", "c", "a", "b", "c"]);
  });
});
