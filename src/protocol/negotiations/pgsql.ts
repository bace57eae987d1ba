import { z } from "zod";
import { defineNegotiation } from "../../core/plugin.ts";
import { declined, unwelcome } from "./failure.ts";
import { beginsWithTls } from "./implicit-tls.ts";

/** Requests without a type, by their code (PostgreSQL's protocol, "Message Formats"). */
const codes = { ssl: 80877103, gssEncryption: 80877104, cancel: 80877102 };
/** A client may ask for one encryption after the other, not for ever. */
const questions = 3;

/** SSLRequest of PostgreSQL, towards clients; also clients that begin TLS at once (`sslnegotiation=direct`). */
export const pgsqlServer = defineNegotiation({
  name: "pgsql",
  options: z.strictObject({}),
  create: () => ({
    name: "pgsql",
    place: "before-tls",
    negotiate: async (client) => {
      if (await beginsWithTls(client)) return { isTls: true };
      for (let asked = 0; asked < questions; asked++) {
        const request = await client.read(8);
        const code = request.readUInt32BE(0) === 8 ? request.readUInt32BE(4) : undefined;
        if (code === codes.ssl) return { last: "S" };
        if (code !== codes.gssEncryption) break;
        await client.write("N");
      }
      await client.dismiss(fatal("this server takes connections over TLS only: sslmode=require"));
      throw unwelcome("the pgsql client has not asked for TLS");
    },
  }),
});

/** SSLRequest of PostgreSQL, towards targets; or TLS at once, for which they must be of version 17 or later. */
export const pgsqlClient = defineNegotiation({
  name: "pgsql",
  options: z.strictObject({
    direct: z.boolean().default(false).meta({
      description: "begin TLS without asking; the backend's tls.alpn must be [ postgresql ]",
    }),
  }),
  create: ({ direct }) => ({
    name: "pgsql",
    place: "before-tls",
    negotiate: async (target) => {
      if (direct) return {};
      const request = Buffer.alloc(8);
      request.writeUInt32BE(8);
      request.writeUInt32BE(codes.ssl, 4);
      await target.write(request);
      const answer = (await target.read(1)).toString("latin1");
      if (answer !== "S") throw declined("the pgsql server does not speak TLS", answer);
      return {};
    },
  }),
});

/** An ErrorResponse: its severity, its SQLSTATE (invalid_authorization_specification) and a message. */
function fatal(text: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C28000\0M${text}\0\0`, "latin1");
  const head = Buffer.alloc(5);
  head.write("E");
  head.writeUInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}
