/**
 * STARTTLS together with what else a frontend or a backend can do: each of it stands before or behind the dialogue, and neither may take
 * the other's bytes.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { after, suite, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startTarget } from "../support/echo.ts";
import { flipped } from "../support/health.ts";
import { startInProcess } from "../support/in-process.ts";
import { startInstance } from "../support/instance.ts";
import { sClient } from "../support/openssl.ts";
import { v1Line } from "../support/proxy-header.ts";
import { requires } from "../support/requires.ts";

const authority = testAuthority();
const identity = authority.issue();
const clients = testAuthority("Clients");
const known = clients.issue({ cn: "known" });
const names = authority.issue({ cn: "a.test", sans: ["a.test", "b.test"] });
const material = {
  ...{ "ca.crt": authority.cert, "own.crt": identity.chain, "own.key": identity.key },
  ...{ "names.crt": names.chain, "names.key": names.key, "clients.crt": clients.cert },
};
const files = writeFiles({ "known.crt": known.chain, "known.key": known.key });
after(() => files[Symbol.dispose]());
const own = "cert: own.crt, key: own.key";
const smtp = ["-starttls", "smtp"];

/** A mail server as far as its greeting; it answers each line with its name, and leaves at `bye`. */
function startMail(name: string) {
  return startTarget((socket) => {
    socket.write(`220 ${name}\r\n`);
    socket.on("data", (line) =>
      socket[String(line).includes("bye") ? "end" : "write"](`250 I am ${name}\r\n`),
    );
    socket.on("end", () => socket.end());
  });
}

suite("STARTTLS with", requires("openssl"), () => {
  test("routes: the name that is asked for inside the dialogue's TLS finds its target", async () => {
    await using a = await startMail("a");
    await using b = await startMail("b");
    await using tunnel = await startInProcess(
      `
tunnels:
  mail:
    frontend: { listen: 127.0.0.1:0, negotiate: smtp }
    routes:
      - match: { serverName: a.test }
        tls: { cert: names.crt, key: names.key }
        backend: ${a.port}
      - match: { serverName: b.test }
        tls: { cert: names.crt, key: names.key, client: { ca: clients.crt } }
        backend: ${b.port}
`,
      material,
    );
    const ask = (name: string, ...more: string[]) =>
      sClient(tunnel.port("mail"), [...smtp, "-servername", name, ...more], { say: "bye\n" });
    assert.match((await ask("a.test")).text, /250 I am a\r\n/);
    assert.doesNotMatch((await ask("b.test")).text, /I am/);
    const shown = ["-cert", files.path("known.crt"), "-key", files.path("known.key")];
    assert.match((await ask("b.test", ...shown)).text, /250 I am b\r\n/);
    assert.doesNotMatch((await ask("c.test")).text, /I am/);
    const outcomes = (await tunnel.sessions(4)).map(({ route, outcome }) => [route, outcome]);
    assert.deepEqual(outcomes, [
      ["1", "completed"],
      ["2", "handshake-failed"],
      ["2", "completed"],
      [undefined, "no-route"],
    ]);
  });

  test("the PROXY protocol: the header comes before the dialogue, ours goes before the target's greeting", async () => {
    const heads: string[] = [];
    await using target = await startTarget((socket) => {
      socket.once("data", (head) => {
        heads.push(String(head));
        socket.write("220 hi\r\n");
        socket.on("data", () => socket.end("250 heard\r\n"));
      });
    });
    await using tunnel = await startInProcess(
      `
tunnels:
  mail:
    frontend: { listen: 127.0.0.1:0, negotiate: smtp, proxyProtocol: { from: [ 127.0.0.1 ] }, tls: { ${own} } }
    backend: { targets: [ ${target.port} ], proxyProtocol: v1 }
`,
      material,
    );
    const socket = connect(tunnel.port("mail"), "127.0.0.1");
    socket.write(v1Line("PROXY TCP4 192.0.2.7 192.0.2.1 4711 25"));
    assert.equal(await said(socket), "220 localhost ESMTP\r\n");
    socket.write("STARTTLS\r\n");
    assert.equal(await said(socket), "220 Go ahead\r\n");
    const secure = connectTls({ socket, ca: authority.cert, servername: "localhost" });
    secure.write("EHLO me\r\n");
    assert.equal(await said(secure), "250 heard\r\n");
    secure.end();
    assert.deepEqual(heads, ["PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n"]);
    const [session] = await tunnel.sessions(1);
    assert.equal(session?.client, "192.0.2.7:4711");
  });

  test("redirect: a client that is not let in gets elsewhere, greeted once all the same", async () => {
    await using inside = await startMail("inside");
    await using outside = await startMail("outside");
    const client = `verify: optional, ca: clients.crt, allow: { cn: [ known ] }, redirect: "127.0.0.1:${outside.port}"`;
    await using tunnel = await startInProcess(
      `
tunnels:
  mail:
    frontend: { listen: 127.0.0.1:0, negotiate: smtp, tls: { ${own}, client: { ${client} } } }
    backend: ${inside.port}
`,
      material,
    );
    const shown = ["-cert", files.path("known.crt"), "-key", files.path("known.key")];
    const good = await sClient(tunnel.port("mail"), [...smtp, ...shown], { say: "bye\n" });
    assert.match(good.text, /250 I am inside\r\n/);
    const other = clients.issue({ cn: "other" });
    using wrong = writeFiles({ crt: other.chain, key: other.key });
    const stranger = ["-cert", wrong.path("crt"), "-key", wrong.path("key")];
    const sent = await sClient(tunnel.port("mail"), [...smtp, ...stranger], { say: "bye\n" });
    assert.match(sent.text, /250 I am outside\r\n/);
    assert.doesNotMatch(sent.text, /220 outside/);
  });

  test("several workers", async () => {
    await using mail = await startMail("mail");
    await using program = await startInstance(
      `workers: 2
tunnels:
  mail: { frontend: { listen: "127.0.0.1:0", negotiate: smtp, tls: { ${own} } }, backend: ${mail.port} }
`,
      material,
    );
    const asked = Array.from({ length: 6 }, () => sClient(program.port("mail"), smtp, { say: "bye\n" }));
    for (const { text } of await Promise.all(asked)) assert.match(text, /250 I am mail\r\n/);
    const sessions = await program.sessions(6);
    assert.ok(sessions.every(({ outcome }) => outcome === "completed"));
  });

  test("health checks: they go through the dialogue, and tell a target that has none", async () => {
    await using mail = await startMail("mail");
    await using server = await startInProcess(
      `tunnels: { mail: { frontend: { listen: "127.0.0.1:0", negotiate: smtp, tls: { ${own} } }, backend: ${mail.port} } }`,
      material,
    );
    await using plain = await startMail("plain");
    const good = server.port("mail");
    await using program = await startInstance(
      `
tunnels:
  out:
    frontend: 127.0.0.1:0
    backend:
      targets: [ ${good}, ${plain.port} ]
      negotiate: smtp
      tls: { ca: ca.crt, serverName: localhost }
      health: { type: tls, interval: 50ms, rise: 1, fall: 1, initial: down }
`,
      material,
    );
    await flipped(program, good, "up");
    await server.sessions(1);
    const socket = connect(program.port("out"), "127.0.0.1");
    assert.equal(await said(socket), "220 localhost ESMTP\r\n");
    socket.end("bye\r\n");
    assert.equal(await said(socket), "250 I am mail\r\n");
  });

  for (const [protocol, greeting] of [
    ["smtp", /^220 localhost ESMTP\r\n$/],
    ["imap", /^\* OK .*STARTTLS.*\r\n$/],
  ] as const)
    test(`${protocol} and implicitTls: the same port takes who begins TLS at once, and greets who waits`, async () => {
      await using target = await startTarget((socket) => {
        socket.write(protocol === "smtp" ? "220 target\r\n" : "* OK target\r\n");
        socket.on("data", () => socket.end("heard\r\n"));
      });
      await using tunnel = await startInProcess(
        `tunnels: { mail: { frontend: { listen: "127.0.0.1:0", negotiate: { protocol: ${protocol}, implicitTls: true }, tls: { ${own} } }, backend: ${target.port} } }`,
        material,
      );
      const direct = connectTls({
        ...{ port: tunnel.port("mail"), host: "127.0.0.1" },
        ...{ ca: authority.cert, servername: "localhost" },
      });
      assert.match(await said(direct), /^(220|\* OK) target\r\n$/);
      direct.write("hello\r\n");
      assert.equal(await said(direct), "heard\r\n");
      direct.end();
      const waiting = connect(tunnel.port("mail"), "127.0.0.1");
      assert.match(await said(waiting), greeting);
      waiting.destroy();
    });
});

/** The next piece that the other side sends. */
async function said(socket: Socket): Promise<string> {
  const [piece] = (await once(socket, "data")) as [Buffer];
  return piece.toString("latin1");
}
