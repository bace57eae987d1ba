/**
 * What a proxy forgets to give back shows only after many connections: a descriptor, a session in a gauge, a listener on
 * a long-lived object. Twenty thousand of them in one process, and everything must be back where it was.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import { testAuthority } from "../support/certificates.ts";
import { startEcho } from "../support/echo.ts";
import { type Instance, startInstance } from "../support/instance.ts";

const authority = testAuthority();
const identity = authority.issue();

const configuration = (target: number) => `
metrics: { listen: 127.0.0.1:0 }
tunnels:
  plain: { frontend: 127.0.0.1:0, backend: ${target} }
  tls: { frontend: { listen: 127.0.0.1:0, tls: { cert: cert.pem, key: key.pem } }, backend: ${target} }
`;

test("20,000 short connections leave descriptors, gauges and memory where they were", async () => {
  await using target = await startEcho();
  const files = { "cert.pem": identity.chain, "key.pem": identity.key };
  await using instance = await startInstance(configuration(target.port), files);
  const plain = () => connect(instance.port("plain"), "127.0.0.1");
  const tls = () =>
    connectTls({
      port: instance.port("tls"),
      host: "127.0.0.1",
      ca: authority.cert,
      servername: "localhost",
    });

  await visit(500, plain, "connect");
  await visit(100, tls, "secureConnect");
  await idle(instance, 600);
  const descriptors = openDescriptors(instance);

  await visit(9000, plain, "connect");
  await visit(1000, tls, "secureConnect");
  await idle(instance, 10_600);
  const half = residentKiB(instance);

  await visit(9000, plain, "connect");
  await visit(1000, tls, "secureConnect");
  await idle(instance, 20_600);

  assert.equal(openDescriptors(instance), descriptors);
  const whole = residentKiB(instance);
  assert.ok(whole <= half * 1.15, `${half} KiB after the first half, ${whole} KiB after the second`);
  assert.equal(target.sockets.filter((socket) => !socket.destroyed).length, 0);
});

/** Makes `count` connections, 40 at a time, each with one exchange. */
async function visit(count: number, open: () => Socket, ready: string): Promise<void> {
  let left = count;
  const visitor = async () => {
    while (left-- > 0) {
      const socket = open();
      await once(socket, ready);
      socket.end("x");
      await once(socket, "data");
      await once(socket, "close");
    }
  };
  await Promise.all(Array.from({ length: 40 }, visitor));
}

/** Waits until the program counts `sessions` that have ended completely, and none under way. */
async function idle(instance: Instance, sessions: number): Promise<void> {
  const address = String(instance.lines.find((line) => line.event === "ready")?.["metrics"]);
  for (;;) {
    const text = await (await fetch(`http://${address}/metrics`)).text();
    const sum = (name: string) =>
      [...text.matchAll(new RegExp(`^${name}\\{[^}]*\\} (\\d+)$`, "gm"))].reduce(
        (total, [, value]) => total + Number(value),
        0,
      );
    const active = sum("equilibria_connections_active");
    const completed = sum("equilibria_sessions_total");
    if (active === 0 && completed === sessions) {
      assert.match(text, /equilibria_sessions_total\{tunnel="plain",outcome="completed"\}/);
      assert.doesNotMatch(text, /outcome="(?!completed)/);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** All of them; the scraper keeps one connection alive, before and after. */
function openDescriptors({ pid }: Instance): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function residentKiB({ pid }: Instance): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]);
}
