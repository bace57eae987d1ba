/**
 * What a target is told about the client: first of all bytes, before TLS, complete, in the form the target was configured
 * for, and the same through a second tunnel.
 */
import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { type ConnectionOptions, createSecureContext, TLSSocket } from "node:tls";
import type { ProxyHeader } from "../../src/protocol/proxy-protocol/header.ts";
import { parseProxyHeader } from "../../src/protocol/proxy-protocol/parse.ts";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startTarget, type TestTarget } from "../support/echo.ts";
import { type Instance, startInstance } from "../support/instance.ts";
import { type Visit, visit } from "../support/visit.ts";

const authority = testAuthority();
const server = authority.issue();
const client = authority.issue({ cn: "alice", usage: "client" });
const files = { "ca.crt": authority.cert, "server.crt": server.chain, "server.key": server.key };

/** What a target got: its header, and as text the bytes after it. */
interface Told {
  readonly header: ProxyHeader;
  readonly rest: string;
}

/** Takes a PROXY header, then TLS if it is asked to, then echoes. */
async function startWitness({ tls = false } = {}) {
  const told: Told[] = [];
  const context = createSecureContext({ cert: server.chain, key: server.key });
  const target: TestTarget = await startTarget((socket) => {
    socket.once("data", (bytes: Buffer) => {
      // a flowing socket would hand out what is put back before TLS can take it
      socket.pause();
      const parsed = parseProxyHeader(bytes);
      if (parsed.kind !== "value") return socket.destroy();
      const rest = bytes.subarray(parsed.length);
      told.push({ header: parsed.value, rest: rest.toString("latin1") });
      if (rest.length > 0) socket.unshift(rest);
      if (tls) {
        const secure = new TLSSocket(socket, { isServer: true, secureContext: context });
        return secure.on("error", () => {}).pipe(secure);
      }
      return socket.pipe(socket);
    });
  });
  return { ...target, told };
}

suite("the PROXY header for a target", () => {
  const folder = writeFiles({});
  let plain: Awaited<ReturnType<typeof startWitness>>;
  let secure: Awaited<ReturnType<typeof startWitness>>;
  let program: Instance;

  before(async () => {
    [plain, secure] = [await startWitness(), await startWitness({ tls: true })];
    const backend = (options: string, port = plain.port) =>
      `backend: { targets: [ "127.0.0.1:${port}" ], proxyProtocol: ${options} }`;
    const tls = `tls: { cert: server.crt, key: server.key, alpn: [ echo ], client: { ca: ca.crt, verify: optional } }`;
    const everything = "{ tlvs: [ alpn, authority, ssl, uniqueId, crc32c ] }";
    program = await startInstance(
      `
tunnels:
  v1: { frontend: "127.0.0.1:0", ${backend("v1")} }
  v2: { frontend: { listen: [ "127.0.0.1:0", "[::1]:0", "unix:${folder.path("in.sock")}", "0.0.0.0:0" ] }, ${backend("v2")} }
  v1-unix: { frontend: "unix:${folder.path("v1.sock")}", ${backend("v1")} }
  stream: { frontend: "127.0.0.1:0", backend: { targets: [ "127.0.0.1:${plain.port}" ], proxyProtocol: v2, failover: stream } }
  default: { frontend: { listen: "127.0.0.1:0", ${tls} }, ${backend("v2")} }
  full: { frontend: { listen: "127.0.0.1:0", ${tls} }, ${backend(everything)} }
  tls-out:
    frontend: "127.0.0.1:0"
    backend: { targets: [ "127.0.0.1:${secure.port}" ], proxyProtocol: v2, tls: { ca: ca.crt, serverName: localhost } }
  second:
    frontend: { listen: "unix:${folder.path("chain.sock")}", proxyProtocol: { from: [ unix ] } }
    ${backend(everything)}
  first:
    frontend: { listen: "127.0.0.1:0", ${tls} }
    backend: { targets: [ "unix:${folder.path("chain.sock")}" ], proxyProtocol: ${everything} }
`,
      files,
    );
  });

  after(async () => {
    await program[Symbol.asyncDispose]();
    await plain.close();
    await secure.close();
    folder[Symbol.dispose]();
  });

  interface How {
    readonly index?: number;
    readonly tls?: ConnectionOptions;
    readonly witness?: typeof plain;
  }
  const identified = { cert: client.chain, key: client.key, ALPNProtocols: ["echo"] };

  /** Visits a tunnel; what its target was told, and how the visit went. */
  async function tell(tunnel: string, { index = 0, tls, witness = plain }: How = {}) {
    const count = witness.told.length;
    const options = tls && { tls: { ca: authority.cert, servername: "localhost", ...tls } };
    const visited: Visit = await visit(program.address(tunnel, index), options);
    assert.deepEqual([visited.text, visited.error], ["hello", undefined]);
    assert.equal(witness.told.length, count + 1);
    const { header, rest } = witness.told[count] as Told;
    const ends = [header.endpoints?.source, header.endpoints?.destination].map((end) =>
      end?.kind === "tcp" ? `${end.host.includes(":") ? `[${end.host}]` : end.host}:${end.port}` : end?.path,
    );
    return { visited, header, ends, rest, listening: program.address(tunnel, index) };
  }

  for (const tunnel of ["v1", "v2", "stream"])
    test(`names the client, ${tunnel}`, async () => {
      const { visited, header, ends } = await tell(tunnel);
      assert.equal(header.version, tunnel === "v1" ? 1 : 2);
      assert.deepEqual(ends, [visited.from, `127.0.0.1:${program.port(tunnel)}`]);
    });

  test("leaves the session on the fast way", async () => {
    await tell("v2");
    const line = (await program.sessions(1, "v2")).at(-1);
    assert.equal(line?.["relay"], "fast");
  });

  test("names an IPv6 client, and the address behind a wildcard", async () => {
    const v6 = await tell("v2", { index: 1 });
    assert.deepEqual(v6.ends, [v6.visited.from, `[::1]:${program.port("v2", 1)}`]);
    const wildcard = await tell("v2", { index: 3 });
    assert.deepEqual(wildcard.ends, [wildcard.visited.from, `127.0.0.1:${program.port("v2", 3)}`]);
  });

  test("is LOCAL or UNKNOWN for a client on a unix socket", async () => {
    const { header } = await tell("v2", { index: 2 });
    assert.deepEqual([header.version, header.command, header.endpoints], [2, "local", undefined]);
    const old = await tell("v1-unix");
    assert.deepEqual([old.header.version, old.header.endpoints], [1, undefined]);
  });

  test("comes before TLS", async () => {
    const { visited, header, ends, rest } = await tell("tls-out", { witness: secure });
    assert.deepEqual([header.version, ends[0]], [2, visited.from]);
    // the handshake's first record, if it has come along
    assert.ok(rest === "" || rest.startsWith("\x16\x03"));
  });

  test("tells by default of TLS, the certificate, the name and the protocol", async () => {
    const { header } = await tell("default", { tls: identified });
    const { tls, ...facts } = header.facts;
    assert.deepEqual(facts, { alpn: "echo", authority: "localhost" });
    assert.deepEqual(
      [tls?.version, tls?.commonName, tls?.verified, tls?.resumed],
      ["TLSv1.3", "alice", true, false],
    );
    assert.match(tls?.cipher ?? "", /^TLS_/);
    const anonymous = await tell("default", { tls: {} });
    assert.deepEqual(
      [anonymous.header.facts.tls?.commonName, anonymous.header.facts.tls?.verified],
      [undefined, false],
    );
  });

  test("tells more when asked to: a unique id, which is that of the log, and a checksum", async () => {
    const { header } = await tell("full", { tls: identified });
    const id = Buffer.from(header.facts.uniqueId ?? []).toString();
    const line = (await program.sessions(1, "full")).at(-1);
    assert.equal(id, line?.["id"]);
    assert.equal(header.facts.tls?.commonName, "alice");
  });

  test("goes through a second tunnel unchanged", async () => {
    const { visited, header, ends } = await tell("first", { tls: identified });
    assert.deepEqual(ends, [visited.from, `127.0.0.1:${program.port("first")}`]);
    const [first] = await program.sessions(1, "first");
    const [second] = await program.sessions(1, "second");
    assert.equal(Buffer.from(header.facts.uniqueId ?? []).toString(), first?.["id"]);
    assert.deepEqual(
      [header.facts.authority, header.facts.alpn, header.facts.tls?.commonName, header.facts.tls?.verified],
      ["localhost", "echo", "alice", true],
    );
    assert.equal(second?.client, visited.from);
    const claims = second?.["proxy"] as { tls?: { client?: string } } | undefined;
    assert.equal(claims?.tls?.client, "alice");
  });
});
