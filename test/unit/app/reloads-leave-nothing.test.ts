// A program that is reloaded every minute runs for years: what a configuration has made must be gone with it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { start } from "../../../src/app/runtime.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { plugins } from "../../../src/config/plugins.ts";
import { Events } from "../../../src/core/events.ts";
import { testAuthority, writeFiles } from "../../support/certificates.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const turns = 50;
const yaml = (name: string, idle: string) => `
backends: { shared: { targets: [127.0.0.1:9], health: { type: tcp, interval: 1h } } }
tunnels:
  plain: { frontend: { listen: 127.0.0.1:0, timeouts: { idle: ${idle} }, limits: { connections: 9 } }, backend: shared }
  tls: { frontend: { listen: 127.0.0.1:0, tls: { cert: ${name}.crt, key: ${name}.key } }, backend: { targets: [ { address: 127.0.0.1:9, weight: ${idle.length} } ], tls: { ca: ca.crt } } }
  routes: { frontend: 127.0.0.1:0, backend: 9, routes: [ { name: one, match: { serverName: [ ${name}.test ] }, tls: { cert: ${name}.crt, key: ${name}.key }, backend: shared } ] }
`;

/** Bytes of the heap that are in use after `count` changes. */
async function heapAfter(count: number, change: (turn: number) => Promise<void>): Promise<number> {
  for (let turn = 0; turn < count; turn++) await change(turn);
  await new Promise(setImmediate);
  collect();
  return process.memoryUsage().heapUsed;
}

test("a configuration that was replaced leaves nothing in memory", async () => {
  const authority = testAuthority();
  const [a, b] = [authority.issue({ cn: "a.test" }), authority.issue({ cn: "b.test" })];
  using files = writeFiles({
    ...{ "a.yaml": yaml("a", "1h"), "b.yaml": yaml("b", "90m"), "ca.crt": authority.cert },
    ...{ "a.crt": a.cert, "a.key": a.key, "b.crt": b.cert, "b.key": b.key },
  });
  const load = (name: string) => loadConfig({ file: files.path(name) }, { env: {}, ...plugins });
  const [first, second] = [load("a.yaml"), load("b.yaml")];
  const runtime = await start(first, { events: new Events(), ...plugins });
  await using _ = { [Symbol.asyncDispose]: () => runtime.stop() };
  const change = async (turn: number) => {
    const update = await runtime.prepare(turn % 2 === 0 ? second : first, plugins);
    await update.commit();
  };
  const before = await heapAfter(turns, change);
  const growth = ((await heapAfter(turns, change)) - before) / turns;
  // some is Node's own, such as lists of timers; a configuration that is kept takes 29 KiB
  assert.ok(growth < 8192, `${growth} bytes of each configuration are still there`);
});
