import { z } from "zod";
import type { Introduction, LinePeer } from "../../core/negotiation.ts";
import { SessionError } from "../../core/outcome.ts";
import { defineNegotiation } from "../../core/plugin.ts";
import {
  parseSocks4Request,
  parseSocks5Reply,
  parseSocks5Request,
  parseSocksMethods,
  type SocksRefusal,
  type SocksRequest,
  socks5Connect,
  socks5Credentials,
  socksReply,
} from "../socks.ts";
import { Destinations, destinationOptions, NoWay } from "./destinations.ts";
import { declined, unwelcome } from "./failure.ts";
import { credentialsOf, proxyOptions } from "./proxy-options.ts";

const noAuthentication = 0;
const usernamePassword = 2;

/** SOCKS 4, 4a and 5 towards clients: where they ask to go is where the session goes. */
export const socksServer = defineNegotiation({
  name: "socks",
  options: z.strictObject(destinationOptions),
  create: (options) => {
    const destinations = new Destinations(options);
    return {
      name: "socks",
      place: "inside-tls",
      negotiate: async (client, session) => {
        const request = await readRequest(client);
        const refuse = async (refusal: SocksRefusal, reason: string): Promise<never> => {
          await client.dismiss(socksReply(request.version, refusal));
          throw new SessionError("refused", reason, { label: "destination" });
        };
        if (request.command !== "connect") await refuse("command", "SOCKS: only CONNECT is offered");
        if (request.host === "") await refuse("address-type", "SOCKS: an address of no known kind");
        try {
          session.destination = await destinations.find(request.host, request.port, client);
        } catch (error) {
          if (!(error instanceof NoWay)) throw error;
          await refuse(error.kind, `SOCKS: ${error.message}`);
        }
        return { introduction: tell(request) };
      },
    };
  },
});

/** SOCKS 5 towards a target that is a proxy: it resolves the name of where we want to go. */
export const socksClient = defineNegotiation({
  name: "socks",
  options: proxyOptions,
  create: (options) => {
    const { host, port } = options.destination;
    const credentials = credentialsOf(options);
    for (const one of Object.values(credentials ?? {}))
      if (Buffer.byteLength(one) > 255 || one === "")
        throw new Error("socks: username and password have 1 to 255 bytes each (RFC 1929)");
    return {
      name: "socks",
      place: options.insideTls ? "inside-tls" : "before-tls",
      negotiate: async (proxy) => {
        const methods = credentials ? [noAuthentication, usernamePassword] : [noAuthentication];
        await proxy.write(Buffer.from([5, methods.length, ...methods]));
        const [version, method] = await proxy.read(2);
        if (version !== 5) throw declined("the proxy does not speak SOCKS 5", String(version));
        if (method === usernamePassword && credentials) {
          await proxy.write(socks5Credentials(credentials.username, credentials.password));
          const [, status] = await proxy.read(2);
          if (status !== 0) throw declined("the SOCKS proxy refuses the credentials", String(status));
        } else if (method !== noAuthentication)
          throw declined("the SOCKS proxy wants an authentication that we do not have", String(method));
        await proxy.write(socks5Connect(host, port));
        const code = await proxy.parse(parseSocks5Reply);
        if (code !== 0)
          throw declined(`the SOCKS proxy does not connect to ${host}:${port}`, codes[code] ?? String(code));
        return {};
      },
    };
  },
});

/** RFC 1928 section 6. */
const codes: Readonly<Record<number, string>> = {
  1: "general failure",
  2: "not allowed",
  3: "network unreachable",
  4: "host unreachable",
  5: "connection refused",
  6: "TTL expired",
  7: "command not supported",
  8: "address type not supported",
};

async function readRequest(client: LinePeer): Promise<SocksRequest> {
  if ((await client.peek()) === 4) return client.parse(parseSocks4Request);
  const methods = await client.parse(parseSocksMethods);
  if (!methods.includes(noAuthentication)) {
    await client.dismiss(Buffer.from([5, 0xff]));
    throw unwelcome("the SOCKS client offers no method without credentials");
  }
  await client.write(Buffer.from([5, noAuthentication]));
  return client.parse(parseSocks5Request);
}

function tell({ version }: SocksRequest): Introduction {
  return {
    connected: (_, client) => client.write(socksReply(version)),
    failed: (client) => client.dismiss(socksReply(version, "refused")),
  };
}
