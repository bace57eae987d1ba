/**
 * One of three targets is behind a firewall that drops every packet: stunnel makes each connection wait for it. Here a
 * session waits for `connect.race` at most, and for nothing at all once the target has been found out.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { startInstance } from "../support/instance.ts";
import { requires } from "../support/requires.ts";

const isRoot = process.getuid?.() === 0;
const { skip } = requires("ip", "iptables");
const visits = 60;
const ports = [20_001, 20_002, 20_003];

/** Ran in the namespace: three targets that greet, for as long as standard input is open. */
const targets = `
const { createServer } = require("node:net");
let left = ${ports.length};
for (const port of ${JSON.stringify(ports)})
  createServer((socket) => socket.on("error", () => {}).end("here")).listen(port, "127.0.0.1", () => {
    if (--left === 0) console.log("listening");
  });
process.stdin.on("end", () => process.exit()).resume();
`;

/** One client after the other; says how many were served. */
const clients = (port: number) => `
const { connect } = require("node:net");
const { once } = require("node:events");
(async () => {
  let served = 0;
  for (let count = 0; count < ${visits}; count++) {
    const socket = connect(${port}, "127.0.0.1");
    const [data] = await once(socket, "data");
    if (String(data) === "here") served++;
    socket.destroy();
  }
  console.log(served);
})();
`;

test("a target whose packets are dropped delays few sessions, and none once it is marked", {
  skip: skip || (isRoot ? false : "optional: needs root"),
}, async () => {
  const space = `eqt-${process.pid}`;
  const inside = ["ip", "netns", "exec", space] as const;
  const [ip = "ip", ...within] = inside;
  execFileSync("ip", ["netns", "add", space]);
  try {
    execFileSync(ip, [...within, "ip", "link", "set", "lo", "up"]);
    const drop = ["iptables", "-A", "INPUT", "-p", "tcp", "--dport", String(ports[1]), "-j", "DROP"];
    execFileSync(ip, [...within, ...drop]);
    const servers = spawn(ip, [...within, process.execPath, "-e", targets], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    await once(createInterface({ input: servers.stdout }), "line");
    const yaml = `tunnels: { web: { frontend: 127.0.0.1:20000, backend: { targets: [ ${ports.join(", ")} ], connect: { timeout: 2s } } } }\n`;
    await using program = await startInstance(yaml, {}, { through: inside });
    const served = execFileSync(ip, [...within, process.execPath, "-e", clients(20_000)], {
      encoding: "utf8",
    });
    assert.equal(Number(served), visits);
    const sessions = await program.sessions(visits);
    const marked = await program.line(({ event, to }) => event === "target-health" && to === "ejected");
    assert.equal(marked["target"], `127.0.0.1:${ports[1]}`);
    const connecting = sessions.map((session) => (session["ms"] as { connect: number }).connect);
    // nobody has waited for the hole itself: that would have been two seconds
    assert.ok(Math.max(...connecting) < 1500, `${Math.max(...connecting)} ms`);
    const since = program.lines.indexOf(marked);
    const after = program.lines.slice(since).filter(({ event }) => event === "session");
    assert.ok(after.length > visits / 2, `${after.length} sessions after it was marked`);
    for (const session of after.slice(1)) assert.equal(session["attempts"], 1);
    servers.stdin.end();
    await once(servers, "exit");
  } finally {
    execFileSync("ip", ["netns", "del", space]);
  }
});
