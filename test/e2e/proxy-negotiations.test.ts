/**
 * A tunnel as a SOCKS or CONNECT proxy hands out the reach of its own network. So the tests begin with what must not be reached: this
 * machine and its neighbours, in whatever form they are written, unless the operator has opened them.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createPlainServer, connect as openSocket } from "node:net";
import { networkInterfaces } from "node:os";
import { suite, test } from "node:test";
import { testAuthority } from "../support/certificates.ts";
import { startEcho } from "../support/echo.ts";
import { startInProcess } from "../support/in-process.ts";
import { freePort } from "../support/ports.ts";
import { run } from "../support/program.ts";
import { requires } from "../support/requires.ts";
import { startStunnel } from "../support/stunnel.ts";

const authority = testAuthority();
const identity = authority.issue();
const material = {
  "ca.crt": authority.cert,
  "own.crt": identity.chain,
  "own.key": identity.key,
  "password.txt": "s3cret\n",
};

const proxyYaml = (protocol: string, { allow = "", tls = false } = {}) => `
  proxy:
    frontend:
      listen: 127.0.0.1:0
      negotiate: { protocol: ${protocol}, allow: [ ${allow} ] }
      ${tls ? "tls: { cert: own.crt, key: own.key }" : ""}
    backend: { destination: true }
`;

const clientYaml = (negotiate: string, target: number, tls: boolean) => `
  client:
    frontend: 127.0.0.1:0
    backend:
      targets: [ ${target} ]
      negotiate: ${negotiate}
      ${tls ? "tls: { ca: ca.crt, serverName: localhost }" : ""}
`;

async function startWeb() {
  const server = createServer((_, response) => response.end("the web")).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("no port");
  return {
    port: address.port,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

const curl = (proxy: string, url: string) =>
  run("curl", ["--silent", "--show-error", "--noproxy", "", "--max-time", "20", "--proxy", proxy, "-p", url]);

const kinds = [
  { protocol: "socks", scheme: "socks5" },
  { protocol: "socks", scheme: "socks5h" },
  { protocol: "socks", scheme: "socks4" },
  { protocol: "socks", scheme: "socks4a" },
  { protocol: "connect", scheme: "http" },
];

suite("a client says where it wants to go", () => {
  for (const { protocol, scheme } of kinds) {
    test(`curl with ${scheme} reaches what is allowed`, requires("curl"), async () => {
      await using web = await startWeb();
      const allow = `{ network: 127.0.0.0/8, ports: [ ${web.port} ] }`;
      await using tunnel = await startInProcess(`tunnels:${proxyYaml(protocol, { allow })}`, material);
      const { code, text } = await curl(
        `${scheme}://127.0.0.1:${tunnel.port("proxy")}`,
        `http://localhost:${web.port}/`,
      );
      assert.equal(code, 0, text);
      assert.equal(text, "the web");
      const [session] = await tunnel.sessions(1);
      assert.equal(session?.outcome, "completed");
      assert.match(session?.destination ?? "", new RegExp(`:${web.port}$`));
    });

    test(
      `curl with ${scheme} does not reach this machine unless it is opened`,
      requires("curl"),
      async () => {
        await using web = await startWeb();
        await using tunnel = await startInProcess(`tunnels:${proxyYaml(protocol)}`, material);
        const { code, text } = await curl(
          `${scheme}://127.0.0.1:${tunnel.port("proxy")}`,
          `http://localhost:${web.port}/`,
        );
        assert.notEqual(code, 0);
        assert.doesNotMatch(text, /the web/);
        const [session] = await tunnel.sessions(1);
        assert.equal(session?.outcome, "refused");
      },
    );
  }

  test("a port that nobody listens on is told before any byte is relayed", async () => {
    const port = await freePort();
    await using tunnel = await startInProcess(
      `tunnels:${proxyYaml("socks", { allow: "127.0.0.0/8" })}`,
      material,
    );
    const reply = await raw(tunnel.port("proxy"), [
      Buffer.from([5, 1, 0]),
      Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 0xff]),
    ]);
    assert.deepEqual([...reply.subarray(0, 4)], [5, 0, 5, 5]);
    const [session] = await tunnel.sessions(1);
    assert.equal(session?.outcome, "connect-failed");
  });

  for (const command of [2, 3])
    test(`SOCKS command ${command} is refused with code 7`, async () => {
      await using tunnel = await startInProcess(`tunnels:${proxyYaml("socks")}`, material);
      const reply = await raw(tunnel.port("proxy"), [
        Buffer.from([5, 1, 0]),
        Buffer.from([5, command, 0, 1, 8, 8, 8, 8, 0, 80]),
      ]);
      assert.deepEqual([...reply.subarray(0, 4)], [5, 0, 5, 7]);
    });

  const forbidden = [
    ...[
      "127.0.0.1",
      "10.1.2.3",
      "172.16.0.1",
      "192.168.1.1",
      "169.254.169.254",
      "100.100.100.200",
      "0.0.0.0",
    ],
    ...["[::1]", "[::]", "[fe80::1]", "[fd00:ec2::254]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"],
    ...["[::10.0.0.1]", "[64:ff9b::a00:1]", "[64:ff9b:1::a00:1]", "[2002:a00:1::]", "localhost", "127.1"],
  ];
  test("CONNECT to whatever form of an inner address is forbidden", async () => {
    await using tunnel = await startInProcess(`tunnels:${proxyYaml("connect")}`, material);
    for (const host of forbidden) {
      const reply = await raw(tunnel.port("proxy"), [
        Buffer.from(`CONNECT ${host}:80 HTTP/1.1\r\nHost: x\r\n\r\n`),
      ]);
      assert.match(reply.toString(), /^HTTP\/1\.1 (403|502) /, host);
    }
    for (const session of await tunnel.sessions(forbidden.length)) assert.equal(session.outcome, "refused");
  });

  test("other methods than CONNECT are not taken", async () => {
    await using tunnel = await startInProcess(`tunnels:${proxyYaml("connect")}`, material);
    const reply = await raw(tunnel.port("proxy"), [Buffer.from("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n")]);
    assert.match(reply.toString(), /^HTTP\/1\.1 405 /);
  });
});

suite("stunnel on the other side of a proxy dialogue", requires("stunnel"), () => {
  test("a SOCKS client behind it goes through our socks server inside TLS", requires("curl"), async () => {
    await using web = await startWeb();
    await using tunnel = await startInProcess(
      `tunnels:${proxyYaml("socks", { allow: "127.0.0.0/8", tls: true })}`,
      material,
    );
    // its own socks client wants a destination of the kernel's NAT
    await using peer = await startStunnel({
      role: "client",
      connect: tunnel.port("proxy"),
      ca: authority.cert,
    });
    const { text } = await curl(`socks5h://127.0.0.1:${peer.port}`, `http://127.0.0.1:${web.port}/`);
    assert.equal(text, "the web");
  });

  // it takes nobody to a loopback address
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === "IPv4" && !one.internal)?.address;
  const skip = outside === undefined ? "needs an address beside loopback" : false;
  test("its socks server is a proxy for us inside TLS", { skip }, async () => {
    await using echo = await startEcho(undefined, "0.0.0.0");
    await using peer = await startStunnel({
      role: "server",
      connect: 9,
      ca: authority.cert,
      identity,
      options: { protocol: "socks", verifyChain: "no", connect: undefined },
    });
    const destination = `${outside}:${echo.port}`;
    const yaml = clientYaml(
      `{ protocol: socks, destination: "${destination}", insideTls: true }`,
      peer.port,
      true,
    );
    await using tunnel = await startInProcess(`tunnels:${yaml}`, material);
    assert.equal((await raw(tunnel.port("client"), [Buffer.from("hello")], 5)).toString(), "hello");
  });

  test("its connect client reaches a TLS server through our plain connect server", async () => {
    await using echo = await startEcho({ cert: identity.chain, key: identity.key });
    await using tunnel = await startInProcess(
      `tunnels:${proxyYaml("connect", { allow: "127.0.0.0/8" })}`,
      material,
    );
    await using peer = await startStunnel({
      role: "client",
      connect: tunnel.port("proxy"),
      ca: authority.cert,
      options: { protocol: "connect", protocolHost: `127.0.0.1:${echo.port}` },
    });
    assert.equal((await raw(peer.port, [Buffer.from("hello")], 5)).toString(), "hello");
  });
});

suite("a target is a proxy", () => {
  for (const protocol of ["socks", "connect"])
    for (const insideTls of [false, true])
      test(`${protocol} ${insideTls ? "inside TLS with the proxy" : "before TLS with the destination"}`, async () => {
        await using echo = await startEcho(
          insideTls ? undefined : { cert: identity.chain, key: identity.key },
        );
        const proxy = proxyYaml(protocol, { allow: "127.0.0.0/8, '::1'", tls: insideTls });
        await using server = await startInProcess(`tunnels:${proxy}`, material);
        const how = `{ protocol: ${protocol}, destination: "localhost:${echo.port}", insideTls: ${insideTls} }`;
        await using tunnel = await startInProcess(
          `tunnels:${clientYaml(how, server.port("proxy"), true)}`,
          material,
        );
        assert.equal((await raw(tunnel.port("client"), [Buffer.from("hello")], 5)).toString(), "hello");
        // the proxy was given the name, not an address of it
        const socket = openSocket(tunnel.port("client"), "127.0.0.1");
        socket.destroy();
        const sessions = await server.sessions(1);
        assert.equal(sessions[0]?.destination, `localhost:${echo.port}`);
      });

  test("CONNECT carries the password of its file and more headers", async () => {
    await using proxy = await startScript("HTTP/1.1 200 OK\r\n\r\n");
    const how = `{ protocol: connect, destination: "db.example:5432", username: me, passwordFile: password.txt, headers: [ "X-One: 1" ] }`;
    await using tunnel = await startInProcess(`tunnels:${clientYaml(how, proxy.port, false)}`, material);
    const socket = openSocket(tunnel.port("client"), "127.0.0.1");
    socket.on("error", () => {});
    const request = await proxy.heard;
    socket.destroy();
    assert.equal(
      request,
      `CONNECT db.example:5432 HTTP/1.1\r\nHost: db.example:5432\r\nProxy-Authorization: Basic ${Buffer.from("me:s3cret").toString("base64")}\r\nX-One: 1\r\n\r\n`,
    );
  });

  test("a proxy that refuses is a failed attempt, with its words", async () => {
    await using proxy = await startScript("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    const how = `{ protocol: connect, destination: "db.example:5432" }`;
    await using tunnel = await startInProcess(`tunnels:${clientYaml(how, proxy.port, false)}`, material);
    const socket = openSocket(tunnel.port("client"), "127.0.0.1");
    socket.on("error", () => {});
    const [session] = await tunnel.sessions(1);
    assert.equal(session?.outcome, "connect-failed");
    assert.match(session?.reason ?? "", /407 Proxy Authentication Required/);
  });

  test("SOCKS 5 shows username and password when it is asked for them", async () => {
    const answers = [
      Buffer.from([5, 2]),
      Buffer.from([1, 0]),
      Buffer.concat([Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]), Buffer.from("payload")]),
    ];
    const heard: (string | Buffer)[] = [];
    const server = createPlainServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", (piece) => {
        heard.push(Buffer.from(piece));
        socket.write(answers.shift() ?? "");
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    assert.ok(typeof address === "object" && address);
    const how = `{ protocol: socks, destination: "db.example:5432", username: me, password: s3cret }`;
    await using tunnel = await startInProcess(`tunnels:${clientYaml(how, address.port, false)}`, material);
    assert.equal((await raw(tunnel.port("client"), [], 7)).toString(), "payload");
    server.close();
    assert.deepEqual(heard[0], Buffer.from([5, 2, 0, 2]));
    assert.deepEqual(heard[1], Buffer.from("\x01\x02me\x06s3cret", "latin1"));
    assert.deepEqual(heard[2], Buffer.from("\x05\x01\x00\x03\x0adb.example\x15\x38", "latin1"));
  });
});

/** A proxy that answers the first thing it hears. */
async function startScript(answer: string) {
  const { promise: heard, resolve } = Promise.withResolvers<string>();
  const server = createPlainServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (piece) => {
      resolve(piece.toString());
      socket.write(answer);
    });
    socket.on("end", () => socket.end());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("no port");
  return { port: address.port, heard, [Symbol.asyncDispose]: async () => void server.close() };
}

/** Says one piece after the other, each once something came; what came until the end, or until there is enough. */
async function raw(port: number, pieces: readonly Buffer[], enough = Number.POSITIVE_INFINITY) {
  const socket = openSocket(port, "127.0.0.1");
  let all = Buffer.alloc(0);
  const left = [...pieces];
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on("data", (piece) => {
    all = Buffer.concat([all, Buffer.from(piece)]);
    const next = left.shift();
    if (next) socket.write(next);
    if (all.length >= enough) resolve();
  });
  socket.on("error", () => {}).once("close", () => resolve());
  await once(socket, "connect");
  const first = left.shift();
  if (first) socket.write(first);
  await promise;
  socket.destroy();
  return all;
}
