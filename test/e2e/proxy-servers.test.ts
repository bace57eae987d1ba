/** HTTP CONNECT and SOCKS 5 through proxies that people have, with credentials, to a target that the proxy looks up. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { suite, test } from "node:test";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startOnce } from "../support/echo.ts";
import { startInProcess } from "../support/in-process.ts";
import { answering, freePort } from "../support/ports.ts";
import { startProgram } from "../support/program.ts";
import { requires } from "../support/requires.ts";

const authority = testAuthority();
const { chain: cert, key } = authority.issue();
const material = { "ca.crt": authority.cert, password: "secret\n", wrong: "geheim\n" };

/** Starts a proxy that lets `me` in, with the password `secret`. */
type Start = (port: number, target: number) => Promise<AsyncDisposable>;

const startTinyproxy: Start = async (port, target) => {
  await using cleanup = new AsyncDisposableStack();
  const files = cleanup.use(
    writeFiles({
      configuration: `Port ${port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 10\nBasicAuth me secret\nConnectPort ${target}\n`,
    }),
  );
  cleanup.use(await startProgram("tinyproxy", ["-d", "-c", files.path("configuration")]));
  await answering(port);
  return cleanup.move();
};

const startMicrosocks: Start = async (port) => {
  const program = await startProgram("microsocks", [
    ...["-i", "127.0.0.1", "-p", String(port)],
    ...["-u", "me", "-P", "secret"],
  ]);
  await answering(port);
  return program;
};

for (const { protocol, tool, start, refusal } of [
  {
    protocol: "connect",
    tool: "tinyproxy",
    start: startTinyproxy,
    refusal: /does not connect to .*: "HTTP\/1\.\d 40[17]/,
  },
  { protocol: "socks", tool: "microsocks", start: startMicrosocks, refusal: /refuses the credentials/ },
])
  suite(`${protocol} through ${tool}`, requires(tool), () => {
    const open = async (passwordFile: string) => {
      await using cleanup = new AsyncDisposableStack();
      const target = cleanup.use(await startOnce({ cert, key }));
      const port = await freePort();
      cleanup.use(await start(port, target.port));
      const negotiate = `{ protocol: ${protocol}, destination: "localhost:${target.port}", username: me, passwordFile: ${passwordFile} }`;
      const tunnel = cleanup.use(
        await startInProcess(
          `tunnels: { out: { frontend: "127.0.0.1:0", backend: { targets: [ ${port} ], negotiate: ${negotiate}, tls: { ca: ca.crt, serverName: localhost } } } }`,
          material,
        ),
      );
      return { tunnel, cleanup: cleanup.move() };
    };

    test("TLS is with the destination behind it", async () => {
      const { tunnel, cleanup } = await open("password");
      await using _ = cleanup;
      const socket = connect(tunnel.port("out"), "127.0.0.1");
      socket.write("hello");
      const [answer] = await once(socket, "data");
      assert.equal(String(answer), "hello");
      socket.end();
      const [session] = await tunnel.sessions(1);
      assert.equal(session?.targetTls?.version, "TLSv1.3");
    });

    test("a wrong password is a failed attempt, with what the proxy says", async () => {
      const { tunnel, cleanup } = await open("wrong");
      await using _ = cleanup;
      const socket = connect(tunnel.port("out"), "127.0.0.1").on("error", () => {});
      await new Promise((resolve) => socket.once("close", resolve));
      const [session] = await tunnel.sessions(1);
      assert.equal(session?.outcome, "connect-failed");
      assert.match(session.reason ?? "", refusal);
    });
  });
