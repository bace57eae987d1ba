/**
 * A start that fails within a process that lives on (a reload, somebody's own program) must give back every port: the exit that
 * tidies up after the command line does not come.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { start } from "../../../src/app/runtime.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { plugins } from "../../../src/config/plugins.ts";
import { Events } from "../../../src/core/events.ts";
import { ListenError } from "../../../src/net/listen.ts";
import { freePort } from "../../support/ports.ts";
import { visit } from "../../support/visit.ts";

test("when one port is taken, a start within a process closes those that it has opened", async () => {
  const [free, taken] = [await freePort(), await freePort()];
  const other = createServer().listen(taken, "127.0.0.1");
  await once(other, "listening");
  const specs = [`127.0.0.1:${free}:127.0.0.1:9`, `127.0.0.1:${taken}:127.0.0.1:9`];
  const events = new Events();
  events.on("ready", () => assert.fail("said that it is ready"));
  const config = loadConfig({ specs }, { env: {}, ...plugins });
  await assert.rejects(start(config, { events, ...plugins }), ListenError);
  assert.equal((await visit(free)).error, "ECONNREFUSED");
  other.close();
});
