/**
 * Protocols that begin in the clear greet before TLS, and must not greet again inside it, whoever of client, tunnel and target speaks
 * which of them. And whatever was slipped in before TLS must never be taken for what came inside it.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, connect as openSocket, type Socket } from "node:net";
import { suite, test } from "node:test";
import { connect as openTls } from "node:tls";
import { testAuthority } from "../support/certificates.ts";
import { type InProcess, startInProcess } from "../support/in-process.ts";
import { sClient } from "../support/openssl.ts";
import { requires } from "../support/requires.ts";
import { startStunnel } from "../support/stunnel.ts";

const authority = testAuthority();
const identity = authority.issue();
const material = { "ca.crt": authority.cert, "own.crt": identity.chain, "own.key": identity.key };

interface Protocol {
  readonly name: string;
  /** What a target says first; it ends with `greeted`. */
  readonly greeting: string;
  /** As openssl and stunnel call it, where they know it. */
  readonly openssl?: string;
  readonly stunnel?: { readonly client?: string; readonly server?: string };
  /** What comes before STARTTLS, and the line that asks for it. */
  readonly ask: string | Buffer;
  /** What answers it. */
  readonly agreed: RegExp;
  readonly client?: string;
}

const sslRequest = Buffer.from("0000000804d2162f", "hex");
const startTls = Buffer.from("301d02010177188016312e332e362e312e342e312e313436362e3230303337", "hex");
const xmppHead =
  "<?xml version='1.0'?><stream:stream to='localhost' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

const protocols: readonly Protocol[] = [
  {
    name: "smtp",
    greeting: "220-target\r\n220 greeted\r\n",
    openssl: "smtp",
    stunnel: { client: "smtp", server: "smtp" },
    ask: "STARTTLS\r\n",
    agreed: /220 Go/,
  },
  {
    name: "imap",
    greeting: "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] greeted\r\n",
    openssl: "imap",
    stunnel: { client: "imap", server: "imap" },
    ask: "a STARTTLS\r\n",
    agreed: /a OK/,
  },
  {
    name: "pop3",
    greeting: "+OK greeted\r\n",
    openssl: "pop3",
    stunnel: { client: "pop3", server: "pop3" },
    ask: "STLS\r\n",
    agreed: /\+OK Begin/,
  },
  {
    name: "nntp",
    greeting: "200 greeted\r\n",
    openssl: "nntp",
    stunnel: { client: "nntp" },
    ask: "STARTTLS\r\n",
    agreed: /382/,
  },
  { name: "ftp", greeting: "220 greeted\r\n", openssl: "ftp", ask: "AUTH TLS\r\n", agreed: /234/ },
  {
    name: "sieve",
    greeting: '"SIEVE" "fileinto"\r\n"STARTTLS"\r\nOK "greeted"\r\n',
    openssl: "sieve",
    ask: "STARTTLS\r\n",
    agreed: /OK "Begin/,
  },
  {
    name: "xmpp",
    greeting: "",
    openssl: "xmpp",
    ask: `${xmppHead}<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`,
    agreed: /<proceed/,
    client: "{ protocol: xmpp, domain: localhost }",
  },
  {
    name: "ldap",
    greeting: "",
    openssl: "ldap",
    stunnel: { client: "ldap" },
    ask: startTls,
    agreed: /1\.3\.6\.1/,
  },
  {
    name: "pgsql",
    greeting: "",
    openssl: "postgres",
    stunnel: { client: "pgsql", server: "pgsql" },
    ask: sslRequest,
    agreed: /^S$/,
  },
];

/** After TLS the target of a protocol that does not greet inside it is silent until it is spoken to. */
const greetsInside = (name: string) => name === "sieve";

/** A plain target that greets, then answers each line with `heard: LINE`, and tells what it has heard. */
async function startGreeter(greeting: string) {
  const heard: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    socket.write(greeting);
    socket.setEncoding("latin1").on("data", (text: string) => {
      heard.push(text);
      socket.write(`heard: ${text}`);
      if (text === "bye\n") socket.end();
    });
    socket.on("end", () => socket.end());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("no port");
  return {
    port: address.port,
    heard,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

const outer = (protocol: string, target: number) => `
  outer:
    frontend:
      listen: 127.0.0.1:0
      negotiate: ${protocol}
      tls: { cert: own.crt, key: own.key }
    backend: ${target}
`;

const inner = (protocol: string, target: number) => `
  inner:
    frontend: 127.0.0.1:0
    backend:
      targets: [ ${target} ]
      negotiate: ${protocol}
      tls: { ca: ca.crt, serverName: localhost }
`;

/** What a plain client gets when it has said `line`, until it has heard it back. */
async function talk(port: number, line = "hello\n"): Promise<string> {
  const socket = openSocket(port, "127.0.0.1").setEncoding("latin1");
  let text = "";
  socket.on("data", (more: string) => {
    text += more;
  });
  await once(socket, "connect");
  socket.write(line);
  while (!text.includes(`heard: ${line}`)) await Promise.race([once(socket, "data"), failed(socket)]);
  socket.destroy();
  return text;
}

async function failed(socket: Socket): Promise<never> {
  await once(socket, "close");
  throw new Error("closed");
}

/** What a target said inside TLS, after the client's own dialogue. */
async function upgrade(port: number, { ask, agreed, name }: Protocol, more = "") {
  const socket = openSocket(port, "127.0.0.1");
  socket.on("error", () => {});
  let text = "";
  const collect = (piece: Buffer) => {
    text += piece.toString("latin1");
  };
  socket.on("data", collect);
  await once(socket, "connect");
  // a client waits to be greeted
  while (text === "" && !["xmpp", "ldap", "pgsql"].includes(name)) await once(socket, "data");
  text = "";
  socket.write(Buffer.concat([Buffer.from(ask), Buffer.from(more)]));
  while (!agreed.test(text)) {
    const closed = await Promise.race([once(socket, "data"), once(socket, "close").then(() => "closed")]);
    if (closed === "closed") return { socket, text, secure: undefined };
  }
  socket.off("data", collect);
  const secure = openTls({ socket, ca: authority.cert, servername: "localhost" });
  secure.on("error", () => {});
  await once(secure, "secureConnect");
  return { socket, text, secure };
}

for (const protocol of protocols) {
  const { name, greeting, client = name } = protocol;
  suite(`${name} before TLS`, () => {
    test("a plain client is greeted once through both roles", async () => {
      await using greeter = await startGreeter(greeting);
      await using server = await startInProcess(`tunnels:${outer(name, greeter.port)}`, material);
      await using tunnel = await startInProcess(`tunnels:${inner(client, server.port("outer"))}`, material);
      const text = await talk(tunnel.port("inner"));
      assert.deepEqual(greeter.heard, ["hello\n"]);
      const greetings = text.match(/greeted|Ready|ESMTP|STARTTLS first/g) ?? [];
      assert.equal(greetings.length, greeting === "" ? 0 : 1, text);
      const [session] = await tunnel.sessions(1);
      assert.ok(session?.targetTls, "the target was spoken to in TLS");
    });

    test("inside TLS the target's greeting does not come a second time", async () => {
      await using greeter = await startGreeter(greeting);
      await using server = await startInProcess(`tunnels:${outer(name, greeter.port)}`, material);
      const { secure } = await upgrade(server.port("outer"), protocol);
      assert.ok(secure);
      let text = "";
      secure.setEncoding("latin1").on("data", (more: string) => {
        text += more;
      });
      secure.write("hello\n");
      while (!text.includes("heard: hello\n")) await once(secure, "data");
      secure.destroy();
      assert.equal(text, `${greetsInside(name) ? greeting : ""}heard: hello\n`);
    });

    test("what follows in the clear ends the session, and nobody sees it", async () => {
      await using greeter = await startGreeter(greeting);
      await using server = await startInProcess(`tunnels:${outer(name, greeter.port)}`, material);
      const { secure, socket } = await upgrade(server.port("outer"), protocol, "injected\r\n");
      assert.equal(secure, undefined);
      socket.destroy();
      const [session] = await server.sessions(1);
      assert.equal(session?.outcome, "bad-preamble");
      assert.match(session?.reason ?? "", /plain bytes where TLS begins/);
      assert.deepEqual(greeter.heard, []);
    });

    test("a target that says more in the clear is not used", async () => {
      await using liar = await startLiar(protocol);
      await using tunnel = await startInProcess(`tunnels:${inner(client, liar.port)}`, material);
      const socket = openSocket(tunnel.port("inner"), "127.0.0.1");
      socket.on("error", () => {});
      let text = "";
      socket.on("data", (more) => {
        text += more;
      });
      await new Promise((resolve) => socket.once("close", resolve));
      const [session] = await tunnel.sessions(1);
      assert.equal(session?.outcome, "connect-failed");
      assert.match(session?.reason ?? "", /plain bytes where TLS begins/);
      assert.equal(text, "");
    });

    if (protocol.openssl !== undefined)
      test("openssl s_client gets through", requires("openssl"), async () => {
        await using greeter = await startGreeter(greeting);
        await using server = await startInProcess(`tunnels:${outer(name, greeter.port)}`, material);
        await opensslTalk(server, protocol.openssl ?? "");
        assert.deepEqual(greeter.heard, ["bye\n"]);
      });

    if (protocol.stunnel?.client !== undefined)
      test("stunnel as the client gets through", requires("stunnel"), async () => {
        await using greeter = await startGreeter(greeting);
        await using server = await startInProcess(`tunnels:${outer(name, greeter.port)}`, material);
        await using peer = await startStunnel({
          role: "client",
          connect: server.port("outer"),
          ca: authority.cert,
          options: { protocol: protocol.stunnel?.client },
        });
        assert.match(await talk(peer.port), /heard: hello/);
        assert.deepEqual(greeter.heard, ["hello\n"]);
      });

    if (protocol.stunnel?.server !== undefined)
      test("stunnel as the server is taken for a target", requires("stunnel"), async () => {
        await using greeter = await startGreeter(greeting);
        await using peer = await startStunnel({
          role: "server",
          connect: greeter.port,
          ca: authority.cert,
          identity,
          options: { protocol: protocol.stunnel?.server, verifyChain: "no" },
        });
        await using tunnel = await startInProcess(`tunnels:${inner(client, peer.port)}`, material);
        const text = await talk(tunnel.port("inner"));
        if (greeting !== "") assert.match(text, name === "imap" ? /^\* OK/ : /greeted/);
      });
  });
}

/** A target that agrees to TLS and says more in the same breath. */
async function startLiar({ name }: Protocol) {
  const extra = "injected\r\n";
  const script: Readonly<Record<string, readonly (string | Buffer)[]>> = {
    smtp: ["220 hi\r\n", "250-hi\r\n250 STARTTLS\r\n", `220 go\r\n${extra}`],
    imap: ["* OK hi\r\n", `tls OK go\r\n${extra}`],
    pop3: ["+OK hi\r\n", `+OK go\r\n${extra}`],
    nntp: ["200 hi\r\n", `382 go\r\n${extra}`],
    ftp: ["220 hi\r\n", `234 go\r\n${extra}`],
    sieve: ['"STARTTLS"\r\nOK\r\n', `OK\r\n${extra}`],
    xmpp: [
      "",
      `${xmppHead}<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>`,
      `<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>${extra}`,
    ],
    ldap: ["", Buffer.concat([Buffer.from("300c02010178070a010004000400", "hex"), Buffer.from(extra)])],
    pgsql: ["", `S${extra}`],
  };
  const server = createServer((socket) => {
    const lines = [...(script[name] ?? [])];
    socket.on("error", () => {});
    socket.write(lines.shift() ?? "");
    socket.on("data", () => socket.write(lines.shift() ?? ""));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("no port");
  return {
    port: address.port,
    [Symbol.asyncDispose]: async () => {
      server.close();
      await once(server, "close");
    },
  };
}

async function opensslTalk(server: InProcess, protocol: string): Promise<void> {
  const { text } = await sClient(server.port("outer"), ["-starttls", protocol, "-quiet"], {
    say: "bye\n",
  });
  assert.match(text, /heard: bye/);
}
