import { z } from "zod";
import type { Introduction } from "../../core/negotiation.ts";
import { defineNegotiation } from "../../core/plugin.ts";
import { declined, unwelcome } from "./failure.ts";

/** STLS in POP3 (RFC 2595 section 4), towards clients. */
export const pop3Server = defineNegotiation({
  name: "pop3",
  options: z.strictObject({}),
  create: () => ({
    name: "pop3",
    place: "before-tls",
    negotiate: async (client) => {
      await client.write("+OK Ready\r\n");
      for (;;) {
        const line = await client.readLine();
        switch (line.trim().toUpperCase()) {
          case "STLS":
            return { last: "+OK Begin TLS\r\n", introduction: swallowGreeting };
          case "CAPA":
            await client.write("+OK\r\nSTLS\r\n.\r\n");
            break;
          case "QUIT":
            await client.dismiss("+OK Bye\r\n");
            throw unwelcome("the pop3 client left without STLS");
          default:
            await client.write("-ERR STLS first\r\n");
        }
      }
    },
  }),
});

/** STLS in POP3, towards targets. */
export const pop3Client = defineNegotiation({
  name: "pop3",
  options: z.strictObject({}),
  create: () => ({
    name: "pop3",
    place: "before-tls",
    negotiate: async (target) => {
      const greeting = await target.readLine();
      if (!greeting.startsWith("+OK")) throw declined("the pop3 server does not greet", greeting);
      await target.write("STLS\r\n");
      const answer = await target.readLine();
      if (!answer.startsWith("+OK")) throw declined("the pop3 server refuses STLS", answer);
      return { head: `${greeting}\r\n` };
    },
  }),
});

/** A target that says -ERR has the last word: the client's next command is answered by it. */
const swallowGreeting: Introduction = {
  connected: async (target) => {
    const greeting = await target.readLine();
    if (!greeting.startsWith("+OK")) target.unread(`${greeting}\r\n`);
  },
};
