import { z } from "zod";
import type { LinePeer } from "../../core/negotiation.ts";
import { defineNegotiation } from "../../core/plugin.ts";
import { declined, unwelcome } from "./failure.ts";

const capabilities =
  '"IMPLEMENTATION" "equilibria-tunnel"\r\n"SASL" ""\r\n"SIEVE" ""\r\n"STARTTLS"\r\n"VERSION" "1.0"\r\nOK "STARTTLS first"\r\n';

/**
 * STARTTLS in ManageSieve (RFC 5804), towards clients. After TLS the server tells its capabilities once more (section
 * 2.2): the target's own greeting does that.
 */
export const sieveServer = defineNegotiation({
  name: "sieve",
  options: z.strictObject({}),
  create: () => ({
    name: "sieve",
    place: "before-tls",
    negotiate: async (client) => {
      await client.write(capabilities);
      for (;;) {
        const line = await client.readLine();
        switch (line.trim().split(/\s/)[0]?.toUpperCase()) {
          case "STARTTLS":
            return { last: 'OK "Begin TLS"\r\n' };
          case "CAPABILITY":
            await client.write(capabilities);
            break;
          case "NOOP":
            await client.write('OK "Done"\r\n');
            break;
          case "LOGOUT":
            await client.dismiss('OK "Bye"\r\n');
            throw unwelcome("the sieve client left without STARTTLS");
          default:
            await client.write('NO (ENCRYPT-NEEDED) "STARTTLS first"\r\n');
        }
      }
    },
  }),
});

/** STARTTLS in ManageSieve, towards targets; they greet once more inside TLS. */
export const sieveClient = defineNegotiation({
  name: "sieve",
  options: z.strictObject({}),
  create: () => ({
    name: "sieve",
    place: "before-tls",
    negotiate: async (target) => {
      const offer = await readResponse(target);
      if (!offer.some((line) => /^"STARTTLS"/i.test(line)))
        throw declined("the sieve server does not offer STARTTLS", offer.join(" "));
      await target.write("STARTTLS\r\n");
      const answer = await readResponse(target);
      if (!/^OK\b/i.test(answer.at(-1) ?? ""))
        throw declined("the sieve server refuses STARTTLS", answer.join(" "));
      return {};
    },
  }),
});

async function readResponse(target: LinePeer): Promise<readonly string[]> {
  const lines: string[] = [];
  do lines.push(await target.readLine());
  while (!/^(OK|NO|BYE)\b/i.test(lines.at(-1) ?? ""));
  return lines;
}
