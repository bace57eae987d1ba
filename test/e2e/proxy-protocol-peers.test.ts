/**
 * HAProxy and nginx are what PROXY headers come from and go to in practice. In both roles, plain and over TLS, each side must
 * name the address that the client really had.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startEcho, type TestTarget } from "../support/echo.ts";
import { startHaproxy } from "../support/haproxy.ts";
import { type Instance, type SessionLine, startInstance } from "../support/instance.ts";
import { startNginxStream } from "../support/nginx.ts";
import { freePort } from "../support/ports.ts";
import { requires } from "../support/requires.ts";
import { visit } from "../support/visit.ts";

const authority = testAuthority();
const server = authority.issue();
const client = authority.issue({ cn: "alice", usage: "client" });
const files = {
  "ca.crt": authority.cert,
  "server.crt": server.chain,
  "server.key": server.key,
  // HAProxy wants both in one file
  "server.pem": server.chain + server.key,
};
const identified = { ca: authority.cert, servername: "localhost", cert: client.chain, key: client.key };

suite("headers that others send to us", () => {
  let echo: TestTarget;
  let program: Instance;
  let plain: number;
  let tls: number;

  before(async () => {
    echo = await startEcho();
    const from = "proxyProtocol: { from: [ 127.0.0.1 ] }";
    program = await startInstance(
      `
tunnels:
  plain: { frontend: { listen: "127.0.0.1:0", ${from} }, backend: ${echo.port} }
  tls:
    frontend: { listen: "127.0.0.1:0", ${from}, tls: { cert: server.crt, key: server.key } }
    backend: ${echo.port}
`,
      files,
    );
    [plain, tls] = [program.port("plain"), program.port("tls")];
  });

  after(async () => {
    await program[Symbol.asyncDispose]();
    await echo.close();
  });

  /** Visits a port of the other program, whose session with us must name this client. */
  async function throughPort(port: number, options?: Parameters<typeof visit>[1]): Promise<SessionLine> {
    const count = program.lines.filter(({ event }) => event === "session").length;
    const visited = await visit(port, options);
    assert.equal(visited.text, "hello");
    const line = (await program.sessions(count + 1)).at(-1) as SessionLine;
    assert.deepEqual(
      [line.outcome, line.client, line["local"]],
      ["completed", visited.from, `127.0.0.1:${port}`],
    );
    return line;
  }

  suite("by HAProxy", requires("haproxy"), () => {
    const secure = "ssl verify none sni str(localhost)";
    const variants = {
      v1: "send-proxy",
      v2: "send-proxy-v2",
      "v2 with a checksum and a unique id": "send-proxy-v2 proxy-v2-options crc32c,unique-id",
    };
    for (const [what, options] of Object.entries(variants))
      test(`${what}, plain and before TLS`, async () => {
        const [toPlain, toTls] = [await freePort(), await freePort()];
        await using _ = await startHaproxy(
          "tcp",
          `
listen plain
  bind 127.0.0.1:${toPlain}
  server us 127.0.0.1:${plain} ${options}
listen tls
  bind 127.0.0.1:${toTls}
  server us 127.0.0.1:${tls} ${options} ${secure}
`,
        );
        for (const line of [await throughPort(toPlain), await throughPort(toTls)]) {
          const { uniqueId } = line["proxy"] as { uniqueId?: string };
          if (options.includes("unique-id")) assert.match(uniqueId ?? "", /^id-of-haproxy-\d+$/);
        }
      });

    test("v2 with TLS, certificate, ALPN and SNI of the client", async () => {
      const port = await freePort();
      await using _ = await startHaproxy(
        "tcp",
        `
listen terminates
  bind 127.0.0.1:${port} ssl crt @server.pem ca-file @ca.crt verify optional alpn echo
  server us 127.0.0.1:${plain} send-proxy-v2-ssl-cn proxy-v2-options authority,cert-cn,ssl-cipher,cert-key,cert-sig
`,
        files,
      );
      const line = await throughPort(port, { tls: { ...identified, ALPNProtocols: ["echo"] } });
      assert.deepEqual([line.serverName, line.alpn], ["localhost", "echo"]);
      const told = line["proxy"] as { tls: { version: string; cipher: string; client?: string } };
      assert.deepEqual([told.tls.version, told.tls.client], ["TLSv1.3", "alice"]);
      assert.match(told.tls.cipher, /^TLS_/);

      const anonymous = await throughPort(port, { tls: { ca: authority.cert, servername: "localhost" } });
      assert.equal((anonymous["proxy"] as typeof told).tls.client, undefined);
    });

    test("LOCAL, for a client that has no address", async () => {
      using folder = writeFiles({});
      const path = folder.path("in.sock");
      await using _ = await startHaproxy(
        "tcp",
        `
listen unix
  bind unix@${path}
  server us 127.0.0.1:${plain} send-proxy-v2
`,
      );
      const count = program.lines.filter(({ event }) => event === "session").length;
      assert.equal((await visit({ kind: "unix", path })).text, "hello");
      const line = (await program.sessions(count + 1)).at(-1);
      assert.match(line?.client ?? "", /^127\.0\.0\.1:/);
      assert.equal(line?.["proxy"], undefined);
    });
  });

  suite("by nginx", requires("nginx"), () => {
    test("plain and before TLS", async () => {
      const [toPlain, toTls] = [await freePort(), await freePort()];
      const secure = "proxy_ssl on; proxy_ssl_name localhost; proxy_ssl_server_name on;";
      await using _ = await startNginxStream(`
  proxy_half_close on;
  server { listen 127.0.0.1:${toPlain}; proxy_pass 127.0.0.1:${plain}; proxy_protocol on; }
  server { listen 127.0.0.1:${toTls}; proxy_pass 127.0.0.1:${tls}; proxy_protocol on; ${secure} }
`);
      await throughPort(toPlain);
      const line = await throughPort(toTls);
      assert.equal(line.serverName, "localhost");
    });
  });
});

suite("headers that we send to others", () => {
  const request = "GET / HTTP/1.0\r\n\r\n";

  /** A tunnel to each of the two ports, with each version; over TLS to the second one. */
  function startTunnels(plain: number, tls: number): Promise<Instance> {
    const tunnels = ["v1", "v2"].flatMap((version) => [
      `  plain-${version}: { frontend: "127.0.0.1:0", backend: { targets: [ ${plain} ], proxyProtocol: ${version} } }`,
      `  tls-${version}:`,
      `    frontend: "127.0.0.1:0"`,
      `    backend: { targets: [ ${tls} ], proxyProtocol: ${version}, tls: { ca: ca.crt, serverName: localhost } }`,
    ]);
    for (const [name, tlvs] of [
      ["all", "alpn, authority, ssl, uniqueId, crc32c"],
      ["few", "authority, crc32c"],
    ])
      tunnels.push(
        `  ${name}:`,
        `    frontend: { listen: "127.0.0.1:0", tls: { cert: server.crt, key: server.key, client: { ca: ca.crt } } }`,
        `    backend: { targets: [ ${plain} ], proxyProtocol: { tlvs: [ ${tlvs} ] } }`,
      );
    return startInstance(`tunnels:\n${tunnels.join("\n")}\n`, files);
  }

  const names = ["plain-v1", "plain-v2", "tls-v1", "tls-v2"];

  test("reach HAProxy, which reports the client and what else it was told", requires("haproxy"), async () => {
    const [plain, tls] = [await freePort(), await freePort()];
    await using _ = await startHaproxy(
      "http",
      `
frontend witness
  bind 127.0.0.1:${plain} accept-proxy
  bind 127.0.0.1:${tls} accept-proxy ssl crt @server.pem
  http-request return status 200 content-type text/plain lf-string "%[src]:%[src_port] %[dst]:%[dst_port] %[fc_pp_authority]"
`,
      files,
    );
    await using program = await startTunnels(plain, tls);
    for (const name of names) {
      const { text, from } = await visit(program.port(name), { say: request });
      assert.match(text, new RegExp(`\r\n${from} 127\\.0\\.0\\.1:${program.port(name)} $`), name);
    }
    // with a checksum, which HAProxy checks
    const { text, from } = await visit(program.port("all"), { say: request, tls: identified });
    assert.match(text, new RegExp(`\r\n${from} 127\\.0\\.0\\.1:${program.port("all")} localhost$`));
  });

  test("reach nginx, which reports the client", requires("nginx"), async () => {
    const [plain, tls] = [await freePort(), await freePort()];
    const answer = `return "$proxy_protocol_addr:$proxy_protocol_port $proxy_protocol_server_addr";`;
    await using nginx = await startNginxStream(
      `
  server { listen 127.0.0.1:${plain} proxy_protocol; ${answer} }
  server {
    listen 127.0.0.1:${tls} ssl proxy_protocol;
    ssl_certificate @server.crt;
    ssl_certificate_key @server.key;
    ${answer}
  }
`,
      files,
    );
    await using program = await startTunnels(plain, tls);
    for (const name of names) {
      // what it has not read when it closes would make it reset the connection
      const { text, from } = await visit(program.port(name), { say: "" });
      assert.equal(text, `${from} 127.0.0.1`, name);
    }
    const { text, from } = await visit(program.port("few"), { say: "", tls: identified });
    assert.equal(text, `${from} 127.0.0.1`);
    // nginx before 1.23 reads 107 bytes at most, and says so when there are more
    const tooMuch = await visit(program.port("all"), { say: "", tls: identified });
    if (tooMuch.text === "") await nginx.program.said(/header is too large while reading PROXY protocol/);
    else assert.equal(tooMuch.text, `${tooMuch.from} 127.0.0.1`);
  });
});
