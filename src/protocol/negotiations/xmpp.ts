import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Parsed } from "../../core/parsed.ts";
import { defineNegotiation } from "../../core/plugin.ts";
import { declined, unwelcome } from "./failure.ts";

const tls = "urn:ietf:params:xml:ns:xmpp-tls";
/** Characters of one element at most. */
const limit = 4096;

const names = {
  domain: z
    .string()
    .regex(/^[\w.-]{1,255}$/, "a domain name")
    .meta({ description: "the domain to ask for, as its users' addresses have it" }),
};

/** STARTTLS in XMPP (RFC 6120 section 5), towards clients. Inside TLS the stream begins anew, with the target. */
export const xmppServer = defineNegotiation({
  name: "xmpp",
  options: z.strictObject({}),
  create: () => ({
    name: "xmpp",
    place: "before-tls",
    negotiate: async (client) => {
      const head = await client.parse(element(/^\s*(?:<\?xml[^>]*\?>)?\s*<stream:stream\b[^>]*>/));
      const domain = /\sto=(?:'([\w.-]{1,255})'|"([\w.-]{1,255})")/.exec(head);
      const from = domain ? ` from='${domain[1] ?? domain[2]}'` : "";
      const kind = head.includes("jabber:server") ? "jabber:server" : "jabber:client";
      await client.write(
        `<?xml version='1.0'?><stream:stream xmlns='${kind}' xmlns:stream='http://etherx.jabber.org/streams' ` +
          `id='${randomUUID()}'${from} version='1.0'>` +
          `<stream:features><starttls xmlns='${tls}'><required/></starttls></stream:features>`,
      );
      const answer = await client.parse(element(/^\s*<[^>]*[^/>]><\/[^>]*>|^\s*<[^>]*\/>|^\s*<\/[^>]*>/));
      if (!/^\s*<starttls\b/.test(answer)) throw unwelcome("the xmpp client has not asked for STARTTLS");
      return { last: `<proceed xmlns='${tls}'/>` };
    },
  }),
});

/** STARTTLS in XMPP, towards targets. */
export const xmppClient = defineNegotiation({
  name: "xmpp",
  options: z.strictObject(names),
  create: ({ domain }) => ({
    name: "xmpp",
    place: "before-tls",
    negotiate: async (target) => {
      await target.write(
        `<?xml version='1.0'?><stream:stream to='${domain}' xmlns='jabber:client' ` +
          `xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>`,
      );
      const offer = await target.parse(
        element(/^[\s\S]*?(?:<\/stream:features>|<stream:features\/>|<\/stream:stream>)/),
      );
      if (!/<starttls\b/.test(offer)) throw declined("the xmpp server does not offer STARTTLS", offer);
      await target.write(`<starttls xmlns='${tls}'/>`);
      const answer = await target.parse(element(/^\s*<[^>]*>/));
      if (!/^\s*<proceed\b[^>]*\/>/.test(answer)) throw declined("the xmpp server refuses STARTTLS", answer);
      return {};
    },
  }),
});

/** What begins with such an element, as it came. */
function element(pattern: RegExp): (bytes: Buffer) => Parsed<string> {
  return (bytes) => {
    const text = bytes.toString("latin1", 0, limit);
    const [value] = pattern.exec(text) ?? [];
    if (value !== undefined) return { kind: "value", value, length: value.length };
    if (text.length >= limit) return { kind: "bad", reason: `no XML element within ${limit} bytes` };
    return { kind: "more", atLeast: bytes.length + 1 };
  };
}
