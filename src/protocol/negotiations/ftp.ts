import { z } from "zod";
import { defineNegotiation } from "../../core/plugin.ts";
import { declined, unwelcome } from "./failure.ts";
import { readReply, swallowReply } from "./reply.ts";

/** AUTH TLS on FTP's control connection (RFC 4217), towards clients. Data connections do not come through here. */
export const ftpServer = defineNegotiation({
  name: "ftp",
  options: z.strictObject({}),
  create: () => ({
    name: "ftp",
    place: "before-tls",
    negotiate: async (client) => {
      await client.write("220 Ready\r\n");
      for (;;) {
        const line = (await client.readLine()).trim().toUpperCase();
        if (line === "AUTH TLS" || line === "AUTH TLS-C")
          return { last: "234 Begin TLS\r\n", introduction: swallowReply("220") };
        if (line === "QUIT") {
          await client.dismiss("221 Bye\r\n");
          throw unwelcome("the ftp client left without AUTH TLS");
        }
        if (line === "FEAT") await client.write("211-Features\r\n AUTH TLS\r\n211 End\r\n");
        else if (line.startsWith("AUTH ")) await client.write("504 Only TLS\r\n");
        else await client.write("530 AUTH TLS first\r\n");
      }
    },
  }),
});

/** AUTH TLS on FTP's control connection, towards targets. */
export const ftpClient = defineNegotiation({
  name: "ftp",
  options: z.strictObject({}),
  create: () => ({
    name: "ftp",
    place: "before-tls",
    negotiate: async (target) => {
      const greeting = await readReply(target);
      if (greeting.code !== "220") throw declined("the ftp server does not greet", greeting.text);
      await target.write("AUTH TLS\r\n");
      const answer = await readReply(target);
      if (answer.code !== "234") throw declined("the ftp server refuses AUTH TLS", answer.text);
      return { head: greeting.text };
    },
  }),
});
