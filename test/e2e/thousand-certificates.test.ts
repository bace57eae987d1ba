/**
 * To make the contexts of a thousand certificates takes a second or more. Sessions must not wait for it, neither when the program
 * starts nor when all certificates are renewed at once: the work is done in small pieces, with turns of the event loop between.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { after, suite, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { connect as tlsConnect } from "node:tls";
import { start } from "../../src/app/runtime.ts";
import { loadConfig } from "../../src/config/load.ts";
import { plugins } from "../../src/config/plugins.ts";
import { Events } from "../../src/core/events.ts";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startEcho } from "../support/echo.ts";

const count = 1000;
/** Milliseconds that one of a hundred turns of the event loop may take at most. */
const longestUsual = 50;
/** Of the whole work, the part that may be done in one turn: what is left of it is garbage collection. */
const largestPart = 1 / 6;

const authority = testAuthority();
const pairs = Array.from({ length: count }, (_, place) => authority.issue({ cn: `n${place}.test` }));
const places = Array.from({ length: count - 1 }, (_, index) => index + 1);

/** Each place with the certificate and key that stand `shift` further. */
function filesOf(shift: number): Readonly<Record<string, string>> {
  const shifted = [...pairs.slice(shift), ...pairs.slice(0, shift)];
  return Object.fromEntries(shifted.map(({ cert, key }, place) => [`${place}.pem`, cert + key]));
}

const files = writeFiles(filesOf(0));
after(() => files[Symbol.dispose]());

const layouts: Readonly<Record<string, (target: number) => string>> = {
  "certificates of one frontend": (target) => `
tunnels:
  web:
    frontend:
      listen: 127.0.0.1:0
      tls:
        cert: 0.pem
        key: 0.pem
        certificates:
${places.map((place) => `          - { cert: ${place}.pem, key: ${place}.pem }\n`).join("")}
    backend: 127.0.0.1:${target}
`,
  "routes with a certificate each": (target) => `
backends: { echo: "127.0.0.1:${target}" }
tunnels:
  web:
    frontend: { listen: 127.0.0.1:0, tls: { cert: 0.pem, key: 0.pem } }
    backend: echo
    routes:
${places.map((place) => `      - { match: { serverName: n${place}.test }, tls: { cert: ${place}.pem, key: ${place}.pem }, backend: echo }\n`).join("")}
`,
};

suite("a thousand", () => {
  for (const [index, [what, layout]] of Object.entries(layouts).entries())
    test(`${what} are loaded and renewed while sessions go on`, async (context) => {
      await using target = await startEcho();
      writeFileSync(files.path("tunnels.yaml"), layout(target.port));
      // workers do not read it either: the supervisor does
      const config = loadConfig({ file: files.path("tunnels.yaml") }, { env: {}, ...plugins });
      const { result: runtime, ...loaded } = await watched(() =>
        start(config, { events: new Events(), ...plugins }),
      );
      const address = runtime.listeners[0]?.address;
      assert.ok(address?.kind === "tcp");
      const pings = await startPings(address.port);
      for (const [name, text] of Object.entries(filesOf(index + 1))) writeFileSync(files.path(name), text);
      pings.reset();
      const { result: update, ...renewed } = await watched(async () => {
        const prepared = await runtime.prepareMaterial();
        await prepared?.commit();
        return prepared;
      });
      const { longest, pinged } = pings.stop();
      await runtime.stop();
      assert.deepEqual(update?.tunnels, ["web"]);
      for (const [when, { total, stall, usual }] of Object.entries({ loaded, renewed })) {
        context.diagnostic(`${when}: ${total} ms, longest stall ${stall} ms, p99 ${usual} ms`);
        assert.ok(usual < longestUsual, `${when}: p99 ${usual} ms`);
        assert.ok(stall < total * largestPart, `${when}: stalled ${stall} of ${total} ms`);
      }
      context.diagnostic(`${pinged} pings meanwhile, the longest ${longest} ms`);
      assert.ok(longest < renewed.total * largestPart, `a ping took ${longest} of ${renewed.total} ms`);
      assert.ok(pinged > 1 / largestPart, `${pinged} pings`);
    });
});

/** Runs it, and says in milliseconds how long it took and how long nothing else had its turn. */
async function watched<Result>(run: () => Promise<Result>) {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  // its timer must run before the work begins
  await delay(5);
  histogram.reset();
  const started = performance.now();
  const result = await run();
  const total = Math.round(performance.now() - started);
  await delay(5);
  histogram.disable();
  return { result, total, stall: inMs(histogram.max), usual: inMs(histogram.percentile(99)) };
}

function inMs(nanoseconds: number): number {
  return Math.round(nanoseconds / 1e6);
}

/** A client whose bytes go through the tunnel and back, again and again. */
async function startPings(port: number) {
  const socket = tlsConnect({ host: "127.0.0.1", port, servername: "n7.test", rejectUnauthorized: false });
  let [sent, longest, pinged] = [0, 0, 0];
  const ping = () => {
    sent = performance.now();
    socket.write("ping");
  };
  socket.on("error", () => {});
  socket.on("data", () => {
    longest = Math.max(longest, performance.now() - sent);
    pinged++;
    setTimeout(ping, 1);
  });
  await once(socket, "secureConnect");
  ping();
  await once(socket, "data");
  return {
    reset: () => {
      [sent, longest, pinged] = [performance.now(), 0, 0];
    },
    stop: () => {
      socket.destroy();
      return { longest: Math.round(longest), pinged };
    },
  };
}
