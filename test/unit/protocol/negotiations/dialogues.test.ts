// Whole dialogues with strangers who say anything, in any order and in pieces of any length: each ends, with an agreement or with a
// session error, and no server agrees before it was asked to.
import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { describe, it } from "node:test";
import fc from "fast-check";
import { plugins } from "../../../../src/config/plugins.ts";
import { SessionError } from "../../../../src/core/outcome.ts";
import { Session } from "../../../../src/core/session.ts";
import { StreamPeer } from "../../../../src/net/line-peer.ts";

const address = { kind: "tcp", host: "127.0.0.1", port: 1 } as const;

/** Options of those that have to be given some. */
const options: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "xmpp client": { domain: "a.test" },
  "connect client": { destination: "a.test:1" },
  "socks client": { destination: "a.test:1" },
  "mysql server": { version: "8.4.0" },
  "connect server": { public: false },
  "socks server": { public: false },
};

const hex = (text: string) => Buffer.from(text, "hex").toString("latin1");
const xmppTls = "urn:ietf:params:xml:ns:xmpp-tls";
const words = [
  ...[
    "STARTTLS",
    "a STARTTLS",
    "STLS",
    "AUTH TLS",
    "EHLO me",
    "HELO me",
    "NOOP",
    "CAPA",
    "a CAPABILITY",
    "QUIT",
  ],
  ...["220 hi", "220-hi", "250-me", "250 STARTTLS", "250 no", "* OK hi", "tls OK", "tls NO", "+OK", "-ERR"],
  ...[
    "382 go",
    "200 hi",
    "234 go",
    "211-",
    "211 End",
    "OK",
    'NO "x"',
    "BYE",
    '"STARTTLS"',
    "530 no",
    "421 busy",
  ],
  ...[
    "CONNECT 10.0.0.1:1 HTTP/1.1",
    "GET / HTTP/1.1",
    "HTTP/1.1 200 OK",
    "HTTP/1.1 403 No",
    "",
    "x".repeat(5000),
  ],
].map((line) => `${line}\r\n`);
const pieces = [
  ...[
    hex("0000000804d2162f"),
    hex("0000000804d21630"),
    hex("0000000804d2162e"),
    "S",
    "N",
    "E",
    hex("16030100"),
  ],
  ...[
    hex("301d02010177188016312e332e362e312e342e312e313436362e3230303337"),
    hex("300c02010178070a010004000400"),
  ],
  ...[
    hex("050100"),
    hex("0501000150"),
    hex("0500"),
    hex("05ff"),
    hex("04010050"),
    hex("0a000001610000"),
    hex("05000001"),
  ],
  ...[
    "<?xml version='1.0'?>",
    "<stream:stream to='a.test' xmlns:stream='s'>",
    `<starttls xmlns='${xmppTls}'/>`,
  ],
  ...[
    "<stream:features>",
    "</stream:features>",
    `<proceed xmlns='${xmppTls}'/>`,
    "<failure/>",
    "</stream:stream>",
  ],
  ...[hex("0700000a382e342e3000"), hex("20000001008a0800"), hex("00".repeat(28)), "\0", "\xff\xff\xff\0"],
];

const speech = fc.array(
  fc.oneof(
    fc.constantFrom(...words, ...pieces),
    fc.string({ unit: "binary", maxLength: 12 }).map((text) => Buffer.from(text).toString("latin1")),
  ),
  { maxLength: 14 },
);

/** What must have been said, or one of it, to a server that goes along with its client. */
const requests: Readonly<Record<string, readonly string[]>> = {
  ...{ smtp: ["starttls"], imap: ["starttls"], nntp: ["starttls"], sieve: ["starttls"], pop3: ["stls"] },
  ...{ ftp: ["auth"], xmpp: ["<starttls"], ldap: ["1.3.6.1.4.1.1466.20037"], connect: ["connect"] },
  ...{ pgsql: ["\x04\xd2\x16\x2f", "\x16"], mysql: ["\x20\0\0"], socks: ["\x04\x01", "\x05\x01"] },
};

const roles = { server: plugins.serverNegotiations, client: plugins.clientNegotiations };
for (const [role, all] of Object.entries(roles))
  for (const plugin of all)
    describe(`${plugin.name} as the ${role}`, () => {
      it("comes to an end with whomever it speaks", async () => {
        const own = options[`${plugin.name} ${role}`] ?? {};
        const negotiation = plugin.create(plugin.options.parse(own));
        const chance = fc.tuple(speech, fc.integer({ min: 1, max: 40 }));
        await fc.assert(
          fc.asyncProperty(chance, async ([said, size]) => {
            const [near, far] = duplexPair();
            far.on("error", () => {}).resume();
            near.on("error", () => {});
            const before = [near.listenerCount("readable"), near.listenerCount("close")];
            const text = Buffer.from(said.join(""), "latin1");
            for (let at = 0; at < text.length; at += size) far.write(text.subarray(at, at + size));
            far.end();
            const session = new Session({ tunnel: "t", client: address, local: address });
            const peer = new StreamPeer(near, { who: "stranger", session });
            try {
              await negotiation.negotiate(peer, session, { tls: true });
              const heard = text.toString("latin1").toLowerCase();
              const wanted = role === "server" ? (requests[plugin.name] ?? []) : [""];
              assert.ok(
                wanted.some((one) => heard.includes(one)),
                heard,
              );
            } catch (error) {
              if (!(error instanceof SessionError)) throw error;
              const outcomes = ["bad-preamble", "handshake-failed", "refused"];
              assert.ok(outcomes.includes(error.outcome), error.message);
              assert.ok(error.message.length < 400, "quotes at length");
            } finally {
              near.destroy();
              far.destroy();
            }
            assert.deepEqual([near.listenerCount("readable"), near.listenerCount("close")], before);
          }),
          { numRuns: 150 },
        );
      });
    });
