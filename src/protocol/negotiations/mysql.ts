import { z } from "zod";
import { defineNegotiation } from "../../core/plugin.ts";
import {
  capabilitiesOf,
  capability,
  errorPayload,
  greeting,
  headLength,
  packet,
  parseGreeting,
  readPacket,
  withCapabilities,
} from "../mysql-packet.ts";
import { declined, unwelcome } from "./failure.ts";
import { agreed, MysqlLogin } from "./mysql-login.ts";

/**
 * What both MySQL and MariaDB can do since 2016, down to the format of results without an EOF; not MariaDB's own
 * extensions, and not what MySQL 8 has brought.
 */
const offered = 0x01fff7ff;

/**
 * The protocol of MySQL and MariaDB, towards clients: SSLRequest, where the frontend has TLS. We greet by ourselves, since the
 * target is chosen later; what the client answers to our salt is forgotten, and the target asks anew.
 */
export const mysqlServer = defineNegotiation({
  name: "mysql",
  options: z.strictObject({
    version: z
      .string()
      .regex(/^[\x21-\x7e]{1,60}$/, "a version as SELECT VERSION() says it")
      .meta({ description: "the version to greet with: what SELECT VERSION() says of the targets" }),
  }),
  create: ({ version }) => ({
    name: "mysql",
    place: "before-tls",
    negotiate: async (client, session, { tls }) => {
      const capabilities = offered | (tls ? capability.ssl : 0);
      await client.write(packet(0, greeting({ version, capabilities })));
      const first = await readPacket(client);
      if (!tls) return { introduction: new MysqlLogin(session, first, { isComplete: true }) };
      const isRequest =
        first.payload.length === headLength && (capabilitiesOf(first.payload) & capability.ssl) !== 0;
      // nobody answers it: TLS may be here already
      if (isRequest)
        return { isTls: true, introduction: new MysqlLogin(session, first, { isComplete: false }) };
      const reason = errorPayload(3159, "HY000", "This server takes connections over TLS only");
      await client.dismiss(packet(first.number + 1, reason));
      throw unwelcome("the mysql client has not asked for TLS");
    },
  }),
});

/**
 * SSLRequest of MySQL and MariaDB, towards targets. It says what the client can do, so the frontend must have heard it before
 * (`negotiate: mysql` there, too); a check says the least.
 */
export const mysqlClient = defineNegotiation({
  name: "mysql",
  options: z.strictObject({}),
  create: () => ({
    name: "mysql",
    place: "before-tls",
    negotiate: async (target, { introduction }) => {
      const { number, payload } = await readPacket(target);
      const offer = parseGreeting(payload);
      if (!offer) throw declined("the mysql server does not greet", payload.toString("latin1", 0, 120));
      if ((offer.capabilities & capability.ssl) === 0)
        throw declined("the mysql server does not offer TLS", offer.version);
      const head = introduction instanceof MysqlLogin ? introduction.head : leastHead();
      const capabilities = agreed(capabilitiesOf(head), offer.capabilities) | capability.ssl;
      await target.write(packet(number + 1, withCapabilities(head, capabilities)));
      // what comes next is counted from here
      return { head: packet(number + 1, payload) };
    },
  }),
});

function leastHead(): Buffer {
  const head = Buffer.alloc(headLength);
  head.writeUInt32LE(capability.protocol41 | capability.secureConnection | capability.pluginAuth, 0);
  head.writeUInt32LE(1 << 24, 4);
  head[8] = 45;
  return head;
}
