import { z } from "zod";
import { defineNegotiation } from "../../core/plugin.ts";
import { declined, unwelcome } from "./failure.ts";
import { hasBegunTls, implicitTlsOption } from "./implicit-tls.ts";
import { readReply, swallowReply } from "./reply.ts";

const name = z
  .string()
  .regex(/^[\w.:[\]-]{1,255}$/, "a host name, or an address in brackets")
  .default("localhost");

/** STARTTLS in SMTP (RFC 3207), towards clients. */
export const smtpServer = defineNegotiation({
  name: "smtp",
  options: z.strictObject({
    ...implicitTlsOption,
    name: name.meta({ description: "the host name to greet with" }),
  }),
  create: (options) => ({
    name: "smtp",
    place: "before-tls",
    negotiate: async (client) => {
      if (options.implicitTls && (await hasBegunTls(client))) return { isTls: true };
      await client.write(`220 ${options.name} ESMTP\r\n`);
      for (;;) {
        const line = await client.readLine();
        switch (line.trim().split(/\s/)[0]?.toUpperCase()) {
          case "EHLO":
            await client.write(`250-${options.name}\r\n250 STARTTLS\r\n`);
            break;
          case "HELO":
            await client.write(`250 ${options.name}\r\n`);
            break;
          case "NOOP":
          case "RSET":
            await client.write("250 OK\r\n");
            break;
          case "STARTTLS":
            return { last: "220 Go ahead\r\n", introduction: swallowReply("220") };
          case "QUIT":
            await client.dismiss("221 Bye\r\n");
            throw unwelcome("the smtp client left without STARTTLS");
          default:
            await client.write("530 Must issue a STARTTLS command first\r\n");
        }
      }
    },
  }),
});

/** STARTTLS in SMTP, towards targets. Our client gets the greeting that came before. */
export const smtpClient = defineNegotiation({
  name: "smtp",
  options: z.strictObject({ name: name.meta({ description: "the host name for EHLO" }) }),
  create: (options) => ({
    name: "smtp",
    place: "before-tls",
    negotiate: async (target) => {
      const greeting = await readReply(target);
      if (greeting.code !== "220") throw declined("the smtp server does not greet", greeting.text);
      await target.write(`EHLO ${options.name}\r\n`);
      const offer = await readReply(target);
      if (offer.code !== "250" || !offer.lines.some((line) => /^250[ -]STARTTLS$/i.test(line.trimEnd())))
        throw declined("the smtp server does not offer STARTTLS", offer.text);
      await target.write("STARTTLS\r\n");
      const answer = await readReply(target);
      if (answer.code !== "220") throw declined("the smtp server refuses STARTTLS", answer.text);
      return { head: greeting.text };
    },
  }),
});
