import { z } from "zod";
import { parseAddress } from "../../core/address.ts";
import { SessionError } from "../../core/outcome.ts";
import { defineNegotiation } from "../../core/plugin.ts";
import { parseHttpHead } from "../http-head.ts";
import { Destinations, destinationOptions, NoWay } from "./destinations.ts";
import { declined } from "./failure.ts";
import { authorityOf, credentialsOf, proxyOptions } from "./proxy-options.ts";

/** HTTP CONNECT (RFC 9110 section 9.3.6) towards clients: where they ask to go is where the session goes. */
export const connectServer = defineNegotiation({
  name: "connect",
  options: z.strictObject(destinationOptions),
  create: (options) => {
    const destinations = new Destinations(options);
    return {
      name: "connect",
      place: "inside-tls",
      negotiate: async (client, session) => {
        const { start } = await client.parse(parseHttpHead);
        const refuse = async (status: string, reason: string): Promise<never> => {
          await client.dismiss(answer(status));
          throw new SessionError("refused", `CONNECT: ${reason}`, { label: "destination" });
        };
        const [method = "", target = "", version = "", ...more] = start.split(" ");
        if (!/^HTTP\/1\.[01]$/.test(version) || more.length > 0)
          await refuse("400 Bad Request", "the client sends no HTTP/1 request");
        if (method !== "CONNECT") await refuse("405 Method Not Allowed", `method ${method.slice(0, 20)}`);
        const address = authority(target);
        if (!address) return refuse("400 Bad Request", "the client asks for no host and port");
        try {
          session.destination = await destinations.find(address.host, address.port, client);
        } catch (error) {
          if (!(error instanceof NoWay)) throw error;
          await refuse(error.kind === "denied" ? "403 Forbidden" : "502 Bad Gateway", error.message);
        }
        return {
          introduction: {
            connected: (_, peer) => peer.write("HTTP/1.1 200 Connection established\r\n\r\n"),
            failed: (peer) => peer.dismiss(answer("502 Bad Gateway")),
          },
        };
      },
    };
  },
});

const field = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~\w-]+: [^\r\n\0]*$/, 'a header is a line "Name: value"')
  .max(4096);

/** HTTP CONNECT towards a target that is a proxy: it resolves the name of where we want to go. */
export const connectClient = defineNegotiation({
  name: "connect",
  options: proxyOptions.extend({
    headers: z.array(field).max(64).default([]).meta({ description: 'more lines, each "Name: value"' }),
  }),
  create: (options) => {
    const where = authorityOf(options.destination);
    const credentials = credentialsOf(options);
    if (credentials?.username.includes(":"))
      throw new Error("connect: a username has no colon in Basic authentication (RFC 7617)");
    const basic =
      credentials && Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64");
    const request = [
      `CONNECT ${where} HTTP/1.1`,
      `Host: ${where}`,
      ...(basic === undefined ? [] : [`Proxy-Authorization: Basic ${basic}`]),
      ...options.headers,
    ];
    return {
      name: "connect",
      place: options.insideTls ? "inside-tls" : "before-tls",
      negotiate: async (proxy) => {
        await proxy.write(`${request.join("\r\n")}\r\n\r\n`);
        const { start } = await proxy.parse(parseHttpHead);
        if (!/^HTTP\/1\.[01] 2\d\d\b/.test(start))
          throw declined(`the proxy does not connect to ${where}`, start);
        return {};
      },
    };
  },
});

function answer(status: string): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`;
}

function authority(text: string): { readonly host: string; readonly port: number } | undefined {
  if (text.length > 300 || /^(unix:|\d+$)/.test(text)) return undefined;
  try {
    const address = parseAddress(text, "");
    return address.kind === "tcp" ? address : undefined;
  } catch {
    return undefined;
  }
}
