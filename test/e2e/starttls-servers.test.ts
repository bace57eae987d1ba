/**
 * STARTTLS with the servers and clients that people have: once our frontend is the one that speaks TLS with the real client, before
 * a real server that gets it plain; and once our backend, with the real server's own STARTTLS, for a client that knows of none.
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, suite, test } from "node:test";
import { testAuthority, writeFiles } from "../support/certificates.ts";
import { startInProcess } from "../support/in-process.ts";
import { dovecotTools, postfixTools, startDovecot, startPostfix } from "../support/mail-servers.ts";
import { sClient } from "../support/openssl.ts";
import { postgresTools, psqlArguments, startPostgres } from "../support/postgres.ts";
import { run, startProgram } from "../support/program.ts";
import { requires } from "../support/requires.ts";
import { startProsody, startSlapd, startVsftpd } from "../support/starttls-servers.ts";

const authority = testAuthority();
const identity = authority.issue();
const files = writeFiles({ "ca.crt": authority.cert });
after(() => files[Symbol.dispose]());
const ca = files.path("ca.crt");
const material = { "ca.crt": authority.cert, "own.crt": identity.chain, "own.key": identity.key };

interface Protocol {
  readonly name: string;
  /** The options of the negotiation as a client, where it needs some. */
  readonly client?: string;
  readonly tools: readonly string[];
  start(): Promise<AsyncDisposable & { readonly port: number }>;
  /** What a client says it got: with STARTTLS, or without any TLS. */
  ask(port: number, tls: boolean): Promise<string>;
  readonly answer: RegExp;
}

const dovecot = (service: "imap" | "pop3" | "sieve") => async () => {
  const server = await startDovecot(identity);
  return Object.assign(server, { port: server[service] });
};

const curl = async (url: string, tls: boolean, more: readonly string[] = [], input?: string) => {
  const must = url.startsWith("ftp:") ? "--ftp-ssl-control" : "--ssl-reqd";
  const how = tls ? [must, "--cacert", ca] : [];
  const { text } = await run(
    "curl",
    ["-sS", "-v", ...how, ...more, url],
    input === undefined ? {} : { input },
  );
  return text;
};

const xmppStream =
  "<?xml version='1.0'?><stream:stream to='localhost' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
const xmppLogin = `${xmppStream}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'/></stream:stream>`;
const sieveLogin = 'AUTHENTICATE "PLAIN" "AGpvZQBzZWNyZXQ="\r\nLISTSCRIPTS\r\nLOGOUT\r\n';

const protocols: readonly Protocol[] = [
  {
    name: "imap",
    tools: dovecotTools,
    start: dovecot("imap"),
    ask: (port, tls) =>
      curl(`imap://localhost:${port}/`, tls, [
        "--user",
        "joe:secret",
        "--request",
        "STATUS INBOX (MESSAGES)",
      ]),
    answer: /STATUS INBOX \(MESSAGES 0\)/,
  },
  {
    name: "pop3",
    tools: dovecotTools,
    start: dovecot("pop3"),
    ask: (port, tls) =>
      curl(`pop3://localhost:${port}/`, tls, ["--user", "joe:secret", "--head", "--request", "STAT"]),
    answer: /\+OK 0 0/,
  },
  {
    name: "sieve",
    tools: dovecotTools,
    start: dovecot("sieve"),
    ask: (port, tls) =>
      tls ? viaOpenssl(port, ["-starttls", "sieve"], sieveLogin) : plainly(port, sieveLogin, /Logout/),
    answer: /OK "Logged in\."[\s\S]*OK "Listscripts completed\."[\s\S]*OK "Logout completed\."/,
  },
  {
    name: "smtp",
    tools: postfixTools,
    start: async () => {
      const server = await startPostfix(identity);
      return Object.assign(server, { port: server.smtp });
    },
    ask: (port, tls) => {
      const mail = ["--mail-from", "a@example.test", "--mail-rcpt", "b@example.test", "--upload-file", "-"];
      return curl(`smtp://localhost:${port}/`, tls, mail, "Subject: hello\r\n\r\nhello\r\n");
    },
    answer: /250 2\.0\.0 Ok: queued as/,
  },
  {
    name: "ldap",
    tools: ["slapd", "ldapsearch"],
    start: () => startSlapd(identity),
    ask: async (port, tls) => {
      // it takes "localhost" for the machine's own name
      const where = ["-H", `ldap://127.0.0.1:${port}`, ...(tls ? ["-ZZ"] : [])];
      const what = ["-x", "-LLL", "-s", "base", "-b", "", "namingContexts"];
      return (await run("ldapsearch", [...where, ...what], { env: { LDAPTLS_CACERT: ca } })).text;
    },
    answer: /namingContexts: dc=example,dc=test/,
  },
  {
    name: "ftp",
    tools: ["vsftpd", "curl"],
    start: () => startVsftpd(identity),
    // TLS is for the control channel; files go from the server to the client directly
    ask: (port, tls) => curl(`ftp://localhost:${port}/hello.txt`, tls),
    answer: /^hello ftp$/m,
  },
  {
    name: "xmpp",
    client: "{ protocol: xmpp, domain: localhost }",
    tools: ["prosody", "openssl"],
    start: () => startProsody(identity),
    ask: (port, tls) =>
      tls
        ? viaOpenssl(port, ["-starttls", "xmpp", "-xmpphost", "localhost"], xmppLogin)
        : plainly(port, xmppLogin, /<\/stream:stream>/),
    answer: /<mechanism>ANONYMOUS<\/mechanism>[\s\S]*<success\b/,
  },
  {
    name: "pgsql",
    tools: postgresTools,
    start: () => startPostgres({ tls: identity }),
    ask: async (port, tls) => {
      const sql = "select 'backend ' || ssl || ' ' || 6 * 7 from pg_stat_ssl where pid = pg_backend_pid()";
      const mode = tls ? `verify-full sslrootcert=${ca}` : "disable";
      const url = psqlArguments(port, sql).map((one) => one.replace("sslmode=disable", `sslmode=${mode}`));
      return (
        await run(
          "psql",
          url.map((one) => one.replace("host=127.0.0.1", "host=localhost")),
        )
      ).text;
    },
    answer: /^backend \w+ 42$/m,
  },
];

for (const { name, client = name, tools, start, ask, answer } of protocols)
  suite(`${name} with a real server`, requires(...tools), () => {
    test("a real client gets TLS from our frontend, and the server plain bytes", async () => {
      await using server = await start();
      const plain = "socket" in server ? `unix:${server.socket}` : server.port;
      await using tunnel = await startInProcess(
        `tunnels: { outer: { frontend: { listen: "127.0.0.1:0", negotiate: ${name}, tls: { cert: own.crt, key: own.key } }, backend: "${plain}" } }`,
        material,
      );
      assert.match(await ask(tunnel.port("outer"), true), answer);
      const [session] = await tunnel.sessions(1);
      assert.ok(session?.tls, "the client spoke TLS");
      assert.equal(session.targetTls, undefined);
      assert.equal(session.outcome, "completed");
    });

    test("a client without TLS reaches the server's own STARTTLS through our backend", async () => {
      await using server = await start();
      await using tunnel = await startInProcess(
        `tunnels: { inner: { frontend: "127.0.0.1:0", backend: { targets: [ ${server.port} ], negotiate: ${client}, tls: { ca: ca.crt, serverName: localhost } } } }`,
        material,
      );
      assert.match(await ask(tunnel.port("inner"), false), answer);
      const [session] = await tunnel.sessions(1);
      assert.equal(session?.tls, undefined);
      assert.ok(session?.targetTls, "the server spoke TLS");
      assert.equal(session.outcome, "completed");
    });
  });

suite("pgsql with TLS from the first byte", requires(...postgresTools), () => {
  test("both roles speak it with each other, psql before them and the server behind", async () => {
    await using server = await startPostgres();
    const alpn = "alpn: [ postgresql ]";
    await using outer = await startInProcess(
      `tunnels: { outer: { frontend: { listen: "127.0.0.1:0", negotiate: pgsql, tls: { cert: own.crt, key: own.key, ${alpn} } }, backend: "unix:${server.socket}" } }`,
      material,
    );
    await using inner = await startInProcess(
      `tunnels: { inner: { frontend: "127.0.0.1:0", backend: { targets: [ ${outer.port("outer")} ], negotiate: { protocol: pgsql, direct: true }, tls: { ca: ca.crt, serverName: localhost, ${alpn} } } } }`,
      material,
    );
    const { text } = await run("psql", psqlArguments(inner.port("inner"), "select 6 * 7"));
    assert.equal(text, "42\n");
    const [session] = await outer.sessions(1);
    assert.deepEqual([session?.alpn, session?.outcome], ["postgresql", "completed"]);
  });
});

suite("pgsql with a real server that wants TLS", requires(...postgresTools), () => {
  test("Ctrl-C in psql ends the statement: the cancel request goes in TLS, too", async () => {
    await using server = await startPostgres({ tls: identity });
    await using tunnel = await startInProcess(
      `tunnels: { inner: { frontend: "127.0.0.1:0", backend: { targets: [ ${server.port} ], negotiate: pgsql, tls: { ca: ca.crt, serverName: localhost } } } }`,
      material,
    );
    const port = tunnel.port("inner");
    await using sleeper = await startProgram("psql", psqlArguments(port, "select pg_sleep(600)"));
    const running =
      "select count(*) from pg_stat_activity where query like '%pg_sleep(600)' and state = 'active'";
    while ((await run("psql", psqlArguments(port, running))).text !== "1\n");
    await sleeper.stop("SIGINT");
    assert.match(sleeper.output, /canceling statement due to user request/);
  });
});

async function viaOpenssl(port: number, args: readonly string[], say: string): Promise<string> {
  const { text } = await sClient(port, [...args, "-quiet", "-CAfile", ca], { say });
  return text;
}

/** What a server says to it without TLS, until it has said `last`. */
async function plainly(port: number, say: string, last: RegExp): Promise<string> {
  const socket = connect(port, "127.0.0.1").setEncoding("latin1");
  let text = "";
  socket.write(say);
  for await (const more of socket) {
    text += more;
    if (last.test(text)) socket.end();
  }
  return text;
}
