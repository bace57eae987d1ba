import { z } from "zod";
import { defineNegotiation } from "../../core/plugin.ts";
import { declined, unwelcome } from "./failure.ts";
import { swallowReply } from "./reply.ts";

/** STARTTLS in NNTP (RFC 4642), towards clients. */
export const nntpServer = defineNegotiation({
  name: "nntp",
  options: z.strictObject({}),
  create: () => ({
    name: "nntp",
    place: "before-tls",
    negotiate: async (client) => {
      await client.write("200 Ready\r\n");
      for (;;) {
        const line = await client.readLine();
        switch (line.trim().split(/\s/)[0]?.toUpperCase()) {
          case "STARTTLS":
            return { last: "382 Begin TLS\r\n", introduction: swallowReply("200", "201") };
          case "CAPABILITIES":
            await client.write("101 Capabilities\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n");
            break;
          case "QUIT":
            await client.dismiss("205 Bye\r\n");
            throw unwelcome("the nntp client left without STARTTLS");
          default:
            await client.write("483 STARTTLS first\r\n");
        }
      }
    },
  }),
});

/** STARTTLS in NNTP, towards targets. */
export const nntpClient = defineNegotiation({
  name: "nntp",
  options: z.strictObject({}),
  create: () => ({
    name: "nntp",
    place: "before-tls",
    negotiate: async (target) => {
      const greeting = await target.readLine();
      if (!/^20[01]\b/.test(greeting)) throw declined("the nntp server does not greet", greeting);
      await target.write("STARTTLS\r\n");
      const answer = await target.readLine();
      if (!/^382\b/.test(answer)) throw declined("the nntp server refuses STARTTLS", answer);
      return { head: `${greeting}\r\n` };
    },
  }),
});
