// The tests of tcp-proxy's proxy and its statistics, under their names there, against this program. What it counted in
// its registry stands in the log and in the metrics here.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { askOnce, openDialog, startAnswering } from "../../support/dialogs.ts";
import { type Instance, startInstance } from "../../support/instance.ts";
import { freePort } from "../../support/ports.ts";
import { visit } from "../../support/visit.ts";

function start(...ports: readonly number[]): Promise<Instance> {
  return startInstance(
    `metrics: { listen: "127.0.0.1:0" }\ntunnels: { proxy: { frontend: "127.0.0.1:0", backend: [${ports.join(", ")}] } }\n`,
  );
}

suite("tcp-proxy", () => {
  test("Proxy", async () => {
    await using target = await startAnswering((line) => `answer to ${line}`);
    await using instance = await start(target.port);
    {
      using dialog = await openDialog(instance.port("proxy"));
      for (let count = 0; count < 1000; count++)
        assert.equal(await dialog.ask(`message ${count}`), `answer to message ${count}`);
    }
    const [session] = await instance.sessions(1);
    assert.ok(session && session.bytesOut === session.bytesIn + 1000 * "answer to ".length);
  });

  test("ClosesClientConnectionOnBackendError", async () => {
    await using instance = await start(await freePort());
    const { text } = await visit(instance.port("proxy"));
    assert.equal(text, "");
    const [session] = await instance.sessions(1);
    assert.equal(session?.outcome, "connect-failed");
  });

  test("Stats", async () => {
    await using target = await startAnswering(() => "hello");
    await using instance = await start(target.port);
    const metrics = await metricsOf(instance);
    const active = 'connections_active{tunnel="proxy"}';
    const atTarget = `target_connections_active{tunnel="proxy",target="127.0.0.1:${target.port}"}`;
    // a tunnel that nobody has come to yet has no sample
    assert.ok([undefined, 0].includes(await metrics(active)));
    assert.equal(await metrics(atTarget), 0);
    {
      using dialog = await openDialog(instance.port("proxy"));
      assert.equal(await dialog.ask("hi"), "hello");
      assert.equal(await metrics(active), 1);
      assert.equal(await metrics(atTarget), 1);
    }
    const [first] = await instance.sessions(1);
    assert.deepEqual([first?.bytesIn, first?.bytesOut], [3, 6]);
    assert.equal(await metrics(active), 0);
    assert.equal(await metrics(atTarget), 0);
    for (const [direction, bytes] of [
      ["in", 3],
      ["out", 6],
    ] as const) {
      assert.equal(await metrics(`bytes_total{tunnel="proxy",direction="${direction}"}`), bytes);
      const labels = `{tunnel="proxy",target="127.0.0.1:${target.port}",direction="${direction}"}`;
      assert.equal(await metrics(`target_bytes_total${labels}`), bytes);
    }
    await target.stop();
    await visit(instance.port("proxy"));
    await instance.sessions(2);
    assert.equal(await metrics('connections_total{tunnel="proxy"}'), 2);
    assert.equal(await metrics('sessions_total{tunnel="proxy",outcome="connect-failed"}'), 1);
    assert.equal(await metrics(`target_failures_total{tunnel="proxy",target="127.0.0.1:${target.port}"}`), 1);
  });

  test("ShutdownNoConnections", async () => {
    await using target = await startAnswering(() => "hello");
    await using instance = await start(target.port);
    await askOnce(instance.port("proxy"));
    await instance.sessions(1);
    assert.equal(await instance.stop(), 0);
    // with nothing open there is nothing to drain, and so nothing to wait for
    assert.deepEqual(
      instance.lines.slice(-2).map(({ event }) => event),
      ["session", "stopped"],
    );
  });

  test("IdempotentShutdown", async () => {
    await using target = await startAnswering(() => "hello");
    await using instance = await start(target.port);
    using dialog = await openDialog(instance.port("proxy"));
    await dialog.ask("hi");
    instance.process.kill("SIGTERM");
    await instance.line(({ event }) => event === "draining");
    // a second shutdown is not an error: it ends what the first one waits for
    assert.equal(await instance.stop(), 0);
    assert.equal(instance.lines.filter(({ event }) => event === "stopped").length, 1);
  });
});

/** Reads one sample, by its name without the prefix and with its labels. */
async function metricsOf(instance: Instance): Promise<(sample: string) => Promise<number | undefined>> {
  const ready = await instance.line(({ event }) => event === "ready");
  return async (sample) => {
    const text = await (await fetch(`http://${ready["metrics"]}/metrics`)).text();
    const line = text.split("\n").find((one) => one.startsWith(`equilibria_${sample} `));
    return line === undefined ? undefined : Number(line.split(" ").at(-1));
  };
}
