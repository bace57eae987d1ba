import type { Address } from "../../core/address.ts";
import { ipBytes, ipText } from "../../core/ip-bytes.ts";
import type { Parsed } from "../../core/parsed.ts";
import { sameFamily } from "./endpoints.ts";
import type { Endpoints, ProxyHeader } from "./header.ts";

/** How a header of version 1 begins. */
export const v1Signature = Buffer.from("PROXY ");

/** The longest line there can be, its end included (section 2.1). */
const longest = 107;

/** Reads a header of version 1 from bytes that begin with its signature, as far as they go. */
export function parseV1(bytes: Buffer): Parsed<ProxyHeader> {
  const text = bytes.toString("latin1", 0, Math.min(bytes.length, longest));
  const end = text.search(/[\r\n]/);
  if (end < 0 || (end === text.length - 1 && text[end] === "\r")) {
    if (text.length === longest) return bad("the line is longer than 107 bytes");
    return { kind: "more", atLeast: text.length + 1 };
  }
  if (text.slice(end, end + 2) !== "\r\n") return bad("the line does not end in CR LF");
  const [, protocol = "", ...fields] = text.slice(0, end).split(" ");
  const length = end + 2;
  // whatever follows UNKNOWN on the line is to be ignored
  if (protocol === "UNKNOWN") return header(undefined, length);
  if (protocol !== "TCP4" && protocol !== "TCP6") return bad("the protocol is not TCP4, TCP6 or UNKNOWN");
  if (fields.length !== 4) return bad("there are not two addresses and two ports");
  const [sourceHost = "", destinationHost = "", sourcePort = "", destinationPort = ""] = fields;
  const source = endpoint(protocol, sourceHost, sourcePort);
  const destination = endpoint(protocol, destinationHost, destinationPort);
  if (!source || !destination) return bad(`an address or a port is not one of ${protocol}`);
  return header({ source, destination }, length);
}

/** Writes a header of version 1; UNKNOWN where it cannot tell the addresses. */
export function formatV1(endpoints: Endpoints | undefined): Buffer {
  const pair = endpoints && sameFamily(endpoints);
  if (!pair) return Buffer.from("PROXY UNKNOWN\r\n");
  const { family, source, destination } = pair;
  const hosts = `${ipText(source.bytes)} ${ipText(destination.bytes)}`;
  return Buffer.from(
    `PROXY ${family === 4 ? "TCP4" : "TCP6"} ${hosts} ${source.port} ${destination.port}\r\n`,
  );
}

function endpoint(protocol: "TCP4" | "TCP6", host: string, port: string): Address | undefined {
  // leading zeros are forbidden, lest they be read as octal; Node refuses them in addresses too
  if (!/^(0|[1-9]\d{0,4})$/.test(port) || Number(port) > 65535) return undefined;
  if (host.includes(":") !== (protocol === "TCP6") || host.includes("%")) return undefined;
  const bytes = ipBytes(host);
  return bytes && { kind: "tcp", host: ipText(bytes), port: Number(port) };
}

function header(endpoints: Endpoints | undefined, length: number): Parsed<ProxyHeader> {
  return { kind: "value", length, value: { version: 1, command: "proxy", endpoints, facts: {} } };
}

function bad(reason: string): Parsed<ProxyHeader> {
  return { kind: "bad", reason };
}
