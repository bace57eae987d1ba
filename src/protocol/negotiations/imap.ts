import { z } from "zod";
import type { Introduction } from "../../core/negotiation.ts";
import { defineNegotiation } from "../../core/plugin.ts";
import { declined, unwelcome } from "./failure.ts";
import { hasBegunTls, implicitTlsOption } from "./implicit-tls.ts";

const capabilities = "CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED";

/** STARTTLS in IMAP (RFC 9051 section 6.2.1), towards clients. */
export const imapServer = defineNegotiation({
  name: "imap",
  options: z.strictObject(implicitTlsOption),
  create: (options) => ({
    name: "imap",
    place: "before-tls",
    negotiate: async (client) => {
      if (options.implicitTls && (await hasBegunTls(client))) return { isTls: true };
      await client.write(`* OK [${capabilities}] STARTTLS first\r\n`);
      for (;;) {
        const line = await client.readLine();
        // a tag is not echoed unless it is one (RFC 9051, section 9: ASTRING-CHAR without "+")
        const [, tag = "", command = ""] = /^([^\s(){%*"\\\]+]{1,64}) ([A-Za-z]+)/.exec(line) ?? [];
        switch (command.toUpperCase()) {
          case "STARTTLS":
            return { last: `${tag} OK Begin TLS\r\n`, introduction: swallowGreeting };
          case "CAPABILITY":
            await client.write(`* ${capabilities}\r\n${tag} OK Done\r\n`);
            break;
          case "NOOP":
            await client.write(`${tag} OK Done\r\n`);
            break;
          case "LOGOUT":
            await client.dismiss(`* BYE Bye\r\n${tag} OK Done\r\n`);
            throw unwelcome("the imap client left without STARTTLS");
          case "":
            await client.write("* BAD Not a command\r\n");
            break;
          default:
            await client.write(`${tag} NO [PRIVACYREQUIRED] STARTTLS first\r\n`);
        }
      }
    },
  }),
});

/** STARTTLS in IMAP, towards targets. */
export const imapClient = defineNegotiation({
  name: "imap",
  options: z.strictObject({}),
  create: () => ({
    name: "imap",
    place: "before-tls",
    negotiate: async (target) => {
      const greeting = await target.readLine();
      if (!/^\* OK\b/i.test(greeting)) throw declined("the imap server does not greet", greeting);
      await target.write("tls STARTTLS\r\n");
      let answer = await target.readLine();
      while (answer.startsWith("* ")) answer = await target.readLine();
      if (!/^tls OK\b/i.test(answer)) throw declined("the imap server refuses STARTTLS", answer);
      // what it could do in the clear says nothing about what it can do now (RFC 9051 section 6.2.1)
      return { head: `${greeting.replace(/\[CAPABILITY [^\]]*\] ?/i, "")}\r\n` };
    },
  }),
});

/** PREAUTH is no greeting for a client that thinks it has yet to log in; BYE it can be told at any time. */
const swallowGreeting: Introduction = {
  connected: async (target) => {
    const greeting = await target.readLine();
    if (/^\* BYE\b/i.test(greeting)) target.unread(`${greeting}\r\n`);
    else if (!/^\* OK\b/i.test(greeting)) throw declined("the imap server does not greet", greeting);
  },
};
